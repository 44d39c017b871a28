namespace SyncAgent.HAProxy;

/// <summary>
/// The commands of one injection and the judgement of their replies. "Success" alone counts for nothing: HAProxy 2.6
/// has one transaction per process and says Success while it puts one name's key into another's slot, so every reply
/// must name our path.
/// </summary>
internal sealed class InjectScript(CertificatePath path, PemPayload payload, bool isNew, bool isListed)
{
    /// <summary>
    /// Room that HAProxy needs beside the payload in its buffer. Measured with 16,384: 16,300 pass, 16,380 get an empty
    /// reply.
    /// </summary>
    private const int BufferReserve = 256;

    public IReadOnlyList<RuntimeCommand> Commands { get; } = Compose(path, payload, isNew, isListed);

    /// <summary>What memory must show afterwards.</summary>
    public string MemoryFingerprint { get; } = payload.MemoryFingerprint;

    /// <summary>True when the payload would be dropped silently by a HAProxy with this <c>tune.bufsize</c>.</summary>
    public static bool IsOversized(CertificatePath path, PemPayload payload, int bufferSize) =>
        RuntimeCommand.Set(path, payload).Line.Length + payload.Bytes.Length > bufferSize - BufferReserve;

    /// <returns>null when every reply is the one that this path's commands get; otherwise what was refused.</returns>
    public string? Refusal(IReadOnlyList<string> replies)
    {
        for (var i = 0; i < Commands.Count; i++)
        {
            if (!IsExpected(Commands[i].Line, replies[i]))
            {
                var said = replies[i].Length == 0 ? "nothing (refused without a word)"
                    : replies[i].ReplaceLineEndings(" ");
                return $"HAProxy answered '{Commands[i].Line}' with: {said}";
            }
        }

        return null;
    }

    /// <summary>The path that a reply of <c>set</c> names when it is not ours: somebody's transaction was
    /// open.</summary>
    public static string? ForeignTransaction(string reply, CertificatePath path)
    {
        const string Updated = "Transaction updated for certificate ";
        var named = reply.StartsWith(Updated, StringComparison.Ordinal) ? reply[Updated.Length..].TrimEnd('!', '\n')
            : null;
        return named == path.Value ? null : named;
    }

    private static List<RuntimeCommand> Compose(CertificatePath path, PemPayload payload, bool isNew, bool isListed)
    {
        var commands = new List<RuntimeCommand>();
        if (isNew)
        {
            commands.Add(RuntimeCommand.New(path));
        }

        commands.Add(RuntimeCommand.Set(path, payload));
        commands.Add(RuntimeCommand.Commit(path));
        if (!isListed)
        {
            // Refused by HAProxy when the commit before it was refused and the slot is empty; and a new name whose
            // commit succeeded serves nothing until this.
            commands.Add(RuntimeCommand.Add(path));
        }

        return commands;
    }

    private bool IsExpected(string command, string reply)
    {
        return command.Split(' ')[0] switch
        {
            "new" => reply == $"New empty certificate store '{path}'!",
            "set" => reply == $"Transaction created for certificate {path}!",
            "commit" => IsSuccess(reply, $"Committing {path}"),
            _ => IsSuccess(reply, $"Inserting certificate '{path}' in crt-list '{path.Directory}'."),
        };
    }

    private static bool IsSuccess(string reply, string opening) =>
        reply.StartsWith(opening, StringComparison.Ordinal) && reply.EndsWith("Success!", StringComparison.Ordinal);
}

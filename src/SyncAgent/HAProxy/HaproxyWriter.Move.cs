using SyncAgent.Planning;

namespace SyncAgent.HAProxy;

/// <summary>
/// The part that moves a served name between crt-lists, which differ in the lowest version of TLS. Of two entries for
/// one name the first counts, so that it enters one list before it leaves the other, and visitors notice nothing.
/// </summary>
internal sealed partial class HaproxyWriter
{
    /// <param name="path">What memory holds already.</param>
    /// <param name="from">Where it is, as far as is known.</param>
    /// <param name="to">Where it is to be; not <see cref="Listing.Both"/>.</param>
    /// <param name="expected">The process that <paramref name="from"/> was read from.</param>
    /// <returns>Written says that it is served, not by which list: that shows in a handshake.</returns>
    public async Task<WriteOutcome> Move(CertificatePath path, Listing from, Listing to, HaproxyProcess expected)
    {
        await _oneTransaction.WaitAsync(CancellationToken.None);
        try
        {
            return await Write(path.Name.Value, expected, connection => Move(path, from, to, connection));
        }
        finally
        {
            _oneTransaction.Release();
        }
    }

    private static async Task<WriteOutcome> Move(
        CertificatePath path, Listing from, Listing to, RuntimeConnection connection)
    {
        if (from != Listing.Directory)
        {
            var back = RuntimeCommand.Add(path);
            var said = (await connection.Ask([back], CancellationToken.None))[0];
            // Before it leaves the other list; that it is here already is well.
            if (!IsDone(said) && !said.Contains("already exists", StringComparison.Ordinal))
            {
                return NotDone(back, said);
            }

            await connection.Ask([RuntimeCommand.DeleteTls13(path)], CancellationToken.None);
        }

        if (to == Listing.Tls13)
        {
            var add = RuntimeCommand.AddTls13(path);
            var said = (await connection.Ask([add], CancellationToken.None))[0];
            if (!IsDone(said))
            {
                return NotDone(add, said);
            }

            await connection.Ask([RuntimeCommand.DeleteEntry(path)], CancellationToken.None);
        }

        var shown = (await connection.Ask([RuntimeCommand.Show(path)], CancellationToken.None))[0];
        return RuntimeReplies.ParseCertificate(shown, path.Value) is { IsUsed: true } held
            ? new WriteOutcome.Written(held)
            : RuntimeReplies.IsLocked(shown)
            ? new WriteOutcome.Replaced(shown)
            : new WriteOutcome.Refused($"HAProxy does not serve {path.Name} any more: '{shown}'");
    }

    private static bool IsDone(string said) => said.EndsWith("Success!", StringComparison.Ordinal);

    /// <summary>It is served as before. That somebody else's command was in the way says nothing: it is tried
    /// again.</summary>
    private static WriteOutcome NotDone(RuntimeCommand command, string said) => RuntimeReplies.IsLocked(said)
        ? new WriteOutcome.Replaced(said)
        : new WriteOutcome.Refused(
            $"HAProxy answered '{command.Line}' with '{said.ReplaceLineEndings(" ")}'. Does its bind line name "
            + "that list? `sync-agent haproxy-config` writes one that does.",
            Lacks: said.Contains("does not exist", StringComparison.Ordinal));
}

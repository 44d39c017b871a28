using System.CommandLine;
using Npgsql;

namespace ControlPlane.Audit;

/// <summary><c>ControlPlane audit verify | export</c>.</summary>
internal static class AuditCommands
{
    /// <param name="withServices">Runs an action with the program's database.</param>
    public static Command Make(Func<Func<IServiceProvider, Task<int>>, Task<int>> withServices) =>
        new("audit", "The audit trail.") { Verify(withServices), Export(withServices) };

    private static Command Verify(Func<Func<IServiceProvider, Task<int>>, Task<int>> withServices)
    {
        var file = new Option<string?>("--file") { Description = "An export to verify instead of the database." };
        var expect = new Option<string?>("--expect")
        {
            Description = "A head that was kept outside, <number>:<hash>: shows an end that was cut off whole.",
        };
        var verify = new Command(
            "verify", "Follow the chain from its beginning; status 1: broken, and every place; 2: could not be read.")
        {
            file, expect,
        };
        verify.TreatUnmatchedTokensAsErrors = false;
        verify.SetAction(async (parsed, ct) =>
        {
            try
            {
                var head = parsed.GetValue(expect) is { } text ? AuditHead.Parse(text) : null;
                return parsed.GetValue(file) is { } path
                    ? await VerifyAsync(new AuditFile(path), head, ct)
                    : await withServices(services => VerifyAsync(
                        new AuditDatabase(services.GetRequiredService<NpgsqlDataSource>()), head, ct));
            }
            catch (InvalidDataException fault)
            {
                await Console.Error.WriteLineAsync(fault.Message);
                return 1;
            }
            catch (Exception fault) when (fault is FormatException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync(fault.Message);
                return CommandLine.CouldNotTry;
            }
        });
        return verify;
    }

    private static Command Export(Func<Func<IServiceProvider, Task<int>>, Task<int>> withServices)
    {
        var path = new Option<string>("--out")
        {
            Required = true,
            Description = "Where to write it (mode 0600); must not exist.",
        };
        var export = new Command("export", "Write the trail with its chain to a file (NDJSON).") { path };
        export.TreatUnmatchedTokensAsErrors = false;
        export.SetAction((parsed, ct) => withServices(async services =>
        {
            var to = parsed.GetValue(path)!;
            if (File.Exists(to))
            {
                await Console.Error.WriteLineAsync($"{to} is there already: an export is never overwritten.");
                return 1;
            }

            var source = new AuditDatabase(services.GetRequiredService<NpgsqlDataSource>());
            return await services.GetRequiredService<AuditTrail>().CommandAsync("audit export", to, async () =>
            {
                try
                {
                    await using var stream = new FileStream(to, new FileStreamOptions
                    {
                        Mode = FileMode.CreateNew,
                        Access = FileAccess.Write,
                        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    });
                    Console.WriteLine(await AuditFile.WriteAsync(source, stream, ct));
                    return 0;
                }
                catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                {
                    await Console.Error.WriteLineAsync(fault.Message);
                    return 1;
                }
            });
        }));
        return export;
    }

    private static async Task<int> VerifyAsync(IAuditSource source, AuditHead? expected, CancellationToken ct)
    {
        var found = await AuditVerification.VerifyAsync(source, expected, ct);
        var whole = $"{found.Batches} batches with {found.Entries} entries are whole, up to {found.Head}.";
        if (found.Faults.Count > 0)
        {
            await Console.Error.WriteLineAsync(
                $"{string.Join('\n', found.Faults)}\nBefore the first of these: {whole}");
            return 1;
        }

        Console.WriteLine(whole);
        Console.WriteLine(found.Unsealed == 0
            ? "Every entry is sealed."
            : $"{found.Unsealed} entries are not sealed yet: nothing vouches for them.");
        if (expected is null)
        {
            Console.WriteLine("Without --expect, an end that was cut off whole cannot be noticed.");
        }

        return 0;
    }
}

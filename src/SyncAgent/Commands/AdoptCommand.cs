using System.CommandLine;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts;
using ControlPlane.Drills;
using SyncAgent.Adopting;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;

namespace SyncAgent.Commands;

/// <summary><c>sync-agent adopt</c>: shows which certificates of a directory the control plane would take over, and
/// hands them in when told to. It may run beside the agent.</summary>
internal static class AdoptCommand
{
    private const int AllWell = 0;
    private const int SomeRefused = 1;
    private const int NotTried = 2;

    public static Command Make()
    {
        var directory = new Option<string>("--directory")
        {
            Required = true,
            Description = "The directory of PEM files that HAProxy serves now",
        };
        var codeFile = new Option<string?>("--code-file")
        {
            Description = "File with an adoption's code (a file, because arguments are visible to every user); "
                + "needed for --apply",
        };
        var apply = new Option<bool>("--apply")
        {
            Description = "Hand in what would be adopted; without it nothing changes anywhere",
        };
        var trust = new Option<string[]>("--trust")
        {
            Description = "PEM file with a root to trust beside the system's",
        };
        var import = new Option<string?>("--write-import")
        {
            Description = "Write the rows that register what is not registered yet (NDJSON for POST /v1/imports)",
        };
        var tenant = new Option<string?>("--tenant") { Description = "The tenant that those rows name" };
        var join = new EnrolOptions(isRequired: false);
        var command = new Command(
            "adopt",
            "Shows which certificates of a directory would be taken over, without buying them again. Ends with 0 when "
            + "all can be or are, with 1 when some cannot, with 2 when it could not try.")
        {
            directory, codeFile, apply, trust, import, tenant,
        };
        join.AddTo(command);
        command.SetAction((parsed, cancel) => Adopt(
            new Wish(
                join.ApiOf(parsed), join.ApiAuthorityOf(parsed), parsed.GetRequiredValue(join.State),
                Path.GetFullPath(parsed.GetRequiredValue(directory)), parsed.GetValue(codeFile),
                parsed.GetValue(apply), parsed.GetValue(trust) ?? [], parsed.GetValue(import),
                parsed.GetValue(tenant)),
            cancel));
        return command;
    }

    private static async Task<int> Adopt(Wish wish, CancellationToken cancel)
    {
        using var identity = NodeIdentity.TryLoad(new StateDirectory(wish.State));
        if (identity is null)
        {
            return await NotTriedBecause($"{wish.State} holds no identity: run `sync-agent enroll` first.");
        }

        if (wish is { Apply: true, CodeFile: null })
        {
            return await NotTriedBecause("--apply needs --code-file: POST /v1/adoptions makes the code.");
        }

        var time = ShiftedClock.FromEnvironment();
        using var http = AgentHost.MakeHttpClient(wish.Api, wish.ApiAuthority);
        var api = new ApiClient(http, new TokenSigner(identity, time), time);
        try
        {
            var roots = new X509Certificate2Collection();
            Array.ForEach(wish.Trust, roots.ImportFromPemFile);
            var code = wish.CodeFile is null ? null : (await File.ReadAllTextAsync(wish.CodeFile, cancel)).Trim();
            var run = new AdoptionRun(api, identity.Card, new OldDirectory(roots, time), time);
            var (files, seal) = await run.PlanAsync(wish.Directory, code, cancel);
            if (wish.Apply)
            {
                files = await run.ApplyAsync(wish.Directory, code!, files, seal!, cancel);
            }

            await TellAsync(wish, files, cancel);
            return files.All(file => file.IsWell) ? AllWell : SomeRefused;
        }
        catch (Exception failure) when (failure is ApiUnavailableException or IOException
            or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            return await NotTriedBecause(failure.Message);
        }
    }

    private static async Task TellAsync(Wish wish, IReadOnlyList<OldFile> files, CancellationToken cancel)
    {
        await Console.Out.WriteLineAsync(AdoptionTable.Of(files));
        var rows = AdoptionTable.ImportRows(files, wish.Tenant);
        if (rows.Count > 0 && wish.ImportFile is { } file)
        {
            await File.WriteAllLinesAsync(file, rows, cancel);
            await Console.Out.WriteLineAsync($"{rows.Count} rows for POST /v1/imports are in {file}.");
        }
        else if (rows.Count > 0)
        {
            await Console.Out.WriteLineAsync(
                $"To register what is not, import these rows:\n{string.Join('\n', rows)}");
        }

        await Console.Out.WriteLineAsync(wish.Apply
            ? "Nothing in the directory was changed. The agent sets old files aside once all nodes serve what was "
                + "adopted."
            : files.Any(one => one.Outcome == AdoptionOutcomes.WouldAdopt)
                ? "Nothing was changed. Run it with --apply to adopt."
                : "Nothing was changed.");
    }

    private static async Task<int> NotTriedBecause(string why)
    {
        await Console.Error.WriteLineAsync(why);
        return NotTried;
    }

    private sealed record Wish(
        Uri Api, string? ApiAuthority, string State, string Directory, string? CodeFile, bool Apply, string[] Trust,
        string? ImportFile, string? Tenant);
}

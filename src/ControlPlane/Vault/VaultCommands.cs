using System.CommandLine;
using ControlPlane.Audit;
using ControlPlane.Vault.Rewrapping;

namespace ControlPlane.Vault;

/// <summary><c>vault create-key | status | rewrap [--wait]</c>.</summary>
internal static class VaultCommands
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    /// <summary>Work between two lines of progress.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(5);

    /// <param name="withVault">Runs an action beside the settings' database and keys; its value is the exit
    /// status.</param>
    public static Command All(Func<Func<IServiceProvider, Task<int>>, Task<int>> withVault)
    {
        var status = new Command("status", "Show the key-encryption keys, the rows under each, and a rewrap's state.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        status.SetAction((_, ct) => ToldAsync(() => withVault(services => StatusAsync(services, ct))));

        var wait = new Option<bool>("--wait") { Description = "Do the work here, and end when it is done." };
        var rewrap = new Command("rewrap", "Bring every row under the current key-encryption key.") { wait };
        rewrap.TreatUnmatchedTokensAsErrors = false;
        rewrap.SetAction((parsed, ct) => ToldAsync(
            () => withVault(services => services.GetRequiredService<AuditTrail>().CommandAsync(
                "vault rewrap", null, () => RewrapAsync(services, parsed.GetValue(wait), ct)))));
        return new Command("vault", "The vault's key-encryption keys.") { CreateKey(), status, rewrap };
    }

    private static Command CreateKey()
    {
        var path = new Option<string>("--out") { Required = true, Description = "Where to write it; must not exist." };
        var create = new Command(
            "create-key", "Make a key-encryption key file (mode 0600). Keep a copy apart from backups.") { path };
        create.SetAction((parsed, _) => ToldAsync(() =>
        {
            LocalKeyFile.Create(parsed.GetValue(path)!);
            return Task.FromResult(0);
        }));
        return create;
    }

    private static async Task<int> StatusAsync(IServiceProvider services, CancellationToken ct)
    {
        Print(await services.GetRequiredService<VaultStatus>().ReadAsync(ct));
        return 0;
    }

    /// <returns>0 when begun, or with <paramref name="wait"/> when all is done; 1 when some rows cannot be
    /// moved.</returns>
    private static async Task<int> RewrapAsync(IServiceProvider services, bool wait, CancellationToken ct)
    {
        var (rewrapper, status) =
            (services.GetRequiredService<Rewrapper>(), services.GetRequiredService<VaultStatus>());
        var time = services.GetRequiredService<TimeProvider>();
        if (await rewrapper.StartAsync(ct) is { } refusal)
        {
            throw new VaultException(refusal);
        }

        while (true)
        {
            if (wait)
            {
                await rewrapper.RunAsync(Slice, ct);
            }

            var view = await status.ReadAsync(ct);
            var rewrap = view.Rewrap!;
            if (!wait || rewrap.FinishedAt is not null || rewrap.Done + rewrap.Failed >= rewrap.Total)
            {
                Print(view);
                return wait && rewrap.Failed > 0 ? 1 : 0;
            }

            var why = rewrap.Failures is [var first, ..] ? first.Reason : "";
            await Console.Error.WriteLineAsync($"{rewrap.Done} of {rewrap.Total}, {rewrap.Failed} failed. {why}");
            // Mostly nothing is left to wait for; a replica may be at work on it instead.
            await Task.Delay(BetweenLooks, time, ct);
        }
    }

    private static void Print(VaultView view)
    {
        Console.WriteLine($"{"KEY",-32} {"ROWS",8} {"DELETED",8}  STATE");
        foreach (var key in view.Keys)
        {
            var state = key switch
            {
                { Current: true } => "current: new keys are sealed under it",
                { Held: false, Rows: > 0 } => "MISSING HERE: its rows cannot be opened",
                { CurrentOn: > 0 } => $"IN USE: {key.CurrentOn} live replicas seal new keys under it",
                { SafeToRemove: true } => "safe to remove",
                _ => "still needed",
            };
            Console.WriteLine($"{key.Id,-32} {key.Rows,8} {key.Deleted,8}  {state}");
        }

        var lacking = view.Replicas - (view.Keys.SingleOrDefault(key => key.Current)?.HeldBy ?? 0);
        Console.WriteLine(
            $"live replicas that hold keys: {view.Replicas}"
            + (view.CurrentKey is null || lacking == 0
                ? ""
                : $"; {lacking} LACK {view.CurrentKey}: restart them with both keys before a rewrap"));
        if (view.Rewrap is { } rewrap)
        {
            var state = rewrap.FinishedAt is { } at ? $"finished {at:yyyy-MM-ddTHH:mm:ssZ}" : "under way";
            Console.WriteLine(
                $"rewrap to {rewrap.ToKey}: {rewrap.Done} of {rewrap.Total}, {rewrap.Failed} failed, {state}");
            foreach (var failure in rewrap.Failures)
            {
                Console.WriteLine($"  {failure.Key} under {failure.KekId}: {failure.Reason}");
            }
        }
    }

    private static async Task<int> ToldAsync(Func<Task<int>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception fault) when (fault is VaultException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(fault.Message);
            return 1;
        }
    }
}

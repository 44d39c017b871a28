using System.CommandLine;
using System.Globalization;
using ControlPlane.Campaigns.Planning;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using FluentValidation;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Campaigns;

/// <summary><c>campaign plan | start | pause | resume | abort | list | watch</c>: the routes' own code, on the
/// database, so that it works while the API is down.</summary>
internal static class CampaignCommands
{
    /// <summary>Runs an action on the migrated database; with a change, the audit trail tells of it.</summary>
    public delegate Task<int> OnDatabase(
        KeyCommands.Change? change, Func<IServiceProvider, ControlPlaneDb, Task<int>> action, CancellationToken ct);

    private delegate Task<Problem?> Move(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct);

    public static Command Build(OnDatabase run) => new("campaign", "Replacing many certificates by a deadline.")
    {
        Plan(run),
        Command(run, "start", "Start a plan, or play a rehearsal.", moves => moves.StartAsync),
        Command(run, "pause", "Open no further successor; those under way go on.", moves => moves.PauseAsync),
        Command(run, "resume", "Go on after a pause.", moves => moves.ResumeAsync),
        Command(run, "abort", "End it for good; what is ordered comes to its end.", moves => moves.AbortAsync),
        List(run),
        Watch(run),
    };

    private static Command Plan(OnDatabase run)
    {
        var options = new CampaignPlanOptions();
        var plan = new Command(
            "plan", "Find the certificates for which everything given holds, and tell what their replacement takes. "
                + "Prints the campaign's id; nothing is replaced before 'campaign start'.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        options.All.ForEach(plan.Options.Add);
        plan.SetAction(async (parsed, ct) =>
        {
            var (filter, unreadable) = await options.FilterAsync(parsed, ct);
            return unreadable is not null
                ? await FailAsync(unreadable)
                : await run(
                    new KeyCommands.Change("campaign plan", options.ReasonIn(parsed)),
                    (services, db) => PlanAsync(services, db, now => options.Read(parsed, filter!, now), ct), ct);
        });
        return plan;
    }

    private static async Task<int> PlanAsync(
        IServiceProvider services, ControlPlaneDb db, Func<DateTimeOffset, CampaignRequest> read, CancellationToken ct)
    {
        var now = services.GetRequiredService<TimeProvider>().NowStored();
        var body = read(now);
        if (Validated.Refuse(services.GetRequiredService<IValidator<CampaignRequest>>().Validate(body)) is { } invalid)
        {
            return await FailAsync(invalid.Detail);
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var (campaign, refusal) = await services.GetRequiredService<MakePlan>().RunAsync(db, body, now, ct);
        if (campaign is null)
        {
            return await FailAsync(refusal!.Detail);
        }

        await transaction.CommitAsync(ct);
        Console.WriteLine(campaign.Id);
        await Console.Error.WriteLineAsync(
            CampaignWords.Of(CampaignJson.Read<CampaignPlan>(campaign.Plan), campaign.Deadline));
        return 0;
    }

    private static Command Command(OnDatabase run, string word, string description, Func<CampaignMoves, Move> choose)
    {
        var id = Id();
        var command = new Command(word, description) { id };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((parsed, ct) => run(
            new KeyCommands.Change($"campaign {word}", $"campaigns/{parsed.GetValue(id)}"),
            async (services, db) =>
            {
                var now = services.GetRequiredService<TimeProvider>().NowStored();
                await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
                var move = choose(services.GetRequiredService<CampaignMoves>());
                var connection = (NpgsqlConnection)db.Database.GetDbConnection();
                if (await move(connection, parsed.GetValue(id), now, CancellationToken.None) is { } refusal)
                {
                    return await FailAsync(refusal.Detail);
                }

                await transaction.CommitAsync(CancellationToken.None);
                Console.WriteLine(CampaignWords.Of(await ReadAsync(db, parsed.GetValue(id), now, ct)));
                return 0;
            },
            ct));
        return command;
    }

    private static Command List(OnDatabase run)
    {
        var list = new Command("list", "The campaigns, the latest first: id, when it was planned, how far, why.");
        list.TreatUnmatchedTokensAsErrors = false;
        list.SetAction((_, ct) => run(
            null,
            async (services, db) =>
            {
                var now = services.GetRequiredService<TimeProvider>().NowStored();
                foreach (var row in await db.Campaigns.AsNoTracking().OrderByDescending(row => row.Id).ToListAsync(ct))
                {
                    var view = await CampaignView.OfAsync(db, row, now, ct);
                    var at = row.CreatedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
                    Console.WriteLine($"{row.Id}\t{at}\t{CampaignWords.Of(view)}\t{CampaignWords.Line(row.Reason)}");
                }

                return 0;
            },
            ct));
        return list;
    }

    private static Command Watch(OnDatabase run)
    {
        var id = Id();
        var watch = new Command(
            "watch", "Show how far a campaign is until it ends. Status 1: it was aborted, or some are late.") { id };
        watch.TreatUnmatchedTokensAsErrors = false;
        watch.SetAction((parsed, ct) => run(
            null, (services, db) => WatchAsync(services, db, parsed.GetValue(id), ct), ct));
        return watch;
    }

    /// <summary>On a terminal one line that changes; else a line for every change.</summary>
    private static async Task<int> WatchAsync(
        IServiceProvider services, ControlPlaneDb db, Guid id, CancellationToken ct)
    {
        var time = services.GetRequiredService<TimeProvider>();
        for (var before = ""; ; await Task.Delay(TimeSpan.FromSeconds(2), time, ct))
        {
            if (!await db.Campaigns.AnyAsync(row => row.Id == id, ct))
            {
                return await FailAsync("There is no such campaign; 'campaign list' shows their ids.");
            }

            var view = await ReadAsync(db, id, time.NowStored(), ct);
            var line = CampaignWords.Of(view);
            var isOver = view is { State: CampaignState.Completed or CampaignState.Aborted, Progress.Ordered: 0 };
            if (!Console.IsOutputRedirected)
            {
                Console.Write($"\r{line.PadRight(before.Length)}{(isOver ? "\n" : "")}");
            }
            else if (line != before)
            {
                Console.WriteLine(line);
            }

            if (isOver)
            {
                return view is { State: CampaignState.Completed, Late: 0 } ? 0 : 1;
            }

            before = line;
        }
    }

    private static async Task<CampaignView> ReadAsync(
        ControlPlaneDb db, Guid id, DateTimeOffset now, CancellationToken ct) => await CampaignView.OfAsync(
            db, await db.Campaigns.AsNoTracking().SingleAsync(row => row.Id == id, ct), now, ct);

    private static Argument<Guid> Id() => new("campaign") { Description = "Its id, as 'campaign list' shows it." };

    private static async Task<int> FailAsync(string why)
    {
        await Console.Error.WriteLineAsync(why);
        return 1;
    }
}

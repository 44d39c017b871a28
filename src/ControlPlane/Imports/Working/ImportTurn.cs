using System.Text.Json;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Registering;
using ControlPlane.Http;
using ControlPlane.Jobs;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Imports.Working;

/// <summary>
/// Registers some rows of one import, a few at a time, each in a transaction of its own that holds the row's lock: what
/// is registered and what the row says of it are committed together or not at all. Other replicas pass by locked rows.
/// </summary>
internal sealed partial class ImportTurn(
    IDbContextFactory<ControlPlaneDb> databases,
    IWakes wakes,
    IOptions<FleetOptions> fleet,
    IOptions<JsonOptions> json,
    TimeProvider time,
    ILogger<ImportTurn> log)
{
    /// <summary>Then other imports have their turn.</summary>
    public const int MostRows = 200;

    /// <summary>Rows at the same time: a fifth of a replica's connections, so that single registrations find
    /// theirs.</summary>
    private const int Parallelism = 8;

    /// <summary>A row that surprises so often is refused; the others must not wait for it.</summary>
    private const int MostAttempts = 5;

    private readonly JsonSerializerOptions _json = json.Value.SerializerOptions;

    public async Task<ImportTurnEnd> RunAsync(Guid import, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await OwnerAsync(db, import, ct) is not { } owner)
        {
            await ImportEnd.CancelAsync(db, import, time.NowStored(), ct);
            return new ImportTurnEnd(0, Surprised: false);
        }

        var left = MostRows;
        var worked = 0;
        using var surprised = new CancellationTokenSource();
        await Task.WhenAll(Enumerable.Range(0, Parallelism).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0 && await RowAsync(import, owner, surprised, ct))
            {
                Interlocked.Increment(ref worked);
            }
        }));
        wakes.Wake(OrderState.PendingDns);
        await ImportEnd.SettleAsync(db, import, time.NowStored(), ct);
        return new ImportTurnEnd(worked, surprised.IsCancellationRequested);
    }

    /// <summary>Null when nobody's word stands for it any more: its key was revoked or has expired, its tenant was
    /// disabled, or it was forgotten.</summary>
    private async Task<Registrant?> OwnerAsync(ControlPlaneDb db, Guid import, CancellationToken ct)
    {
        var now = time.NowStored();
        var row = await db.Imports.AsNoTracking()
            .Where(row => row.Id == import
                && db.ApiKeys.Any(key => key.Id == row.ApiKeyId && key.RevokedAt == null
                    && (key.ExpiresAt == null || key.ExpiresAt > now))
                && !db.Tenants.Any(tenant => tenant.Id == row.TenantId && tenant.DisabledAt != null))
            .SingleOrDefaultAsync(ct);
        return row is null ? null : new Registrant(row.Role, row.TenantId, InBulk: true);
    }

    /// <returns>False when there is no row that is not being worked on, or one has surprised.</returns>
    private async Task<bool> RowAsync(
        Guid import, Registrant owner, CancellationTokenSource surprised, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var row = await db.ImportRows.FromSql(
            $"""
             SELECT * FROM import_rows WHERE import_id = {import} AND outcome = 'Pending'
             ORDER BY attempts, line LIMIT 1 FOR UPDATE SKIP LOCKED
             """).AsNoTracking().SingleOrDefaultAsync(ct);
        // It is told before the row is let go of: nobody else takes the same row once more in this turn.
        if (row is null || surprised.IsCancellationRequested)
        {
            return false;
        }

        try
        {
            await RegisterAsync(db, row, owner);
            await transaction.CommitAsync(CancellationToken.None);
            return true;
        }
        catch (Exception surprise) when (surprise is not OperationCanceledException)
        {
            await surprised.CancelAsync();
            await transaction.DisposeAsync();
            LogSurprise(surprise, import, row.Line);
            await NoteAsync(row, ct);
            return false;
        }
    }

    private async Task RegisterAsync(ControlPlaneDb db, ImportRow row, Registrant owner)
    {
        var body = JsonSerializer.Deserialize<RegisterDomainRequest>(row.Request!, _json)!;
        var outcome = await Registration.EnterAsync(db, body, owner, fleet.Value, time.NowStored());
        await (outcome switch
        {
            RegistrationOutcome.Registered registered =>
                WriteAsync(db, row, ImportOutcome.Registered, registered.Domain.Id, null),
            RegistrationOutcome.AlreadyYours own when own.Differences(body) is { Count: > 0 } differences =>
                WriteAsync(db, row, ImportOutcome.Refused, own.Domain.Id, Differs(own.Domain, differences)),
            RegistrationOutcome.AlreadyYours own =>
                WriteAsync(db, row, ImportOutcome.Unchanged, own.Domain.Id, null),
            RegistrationOutcome.Refused refused =>
                WriteAsync(db, row, ImportOutcome.Refused, null, refused.Problem),
            _ => throw new InvalidOperationException($"A registration cannot end as {outcome}."),
        });
    }

    private static Problem Differs(Domain own, IReadOnlyList<string> differences) =>
        Problems.AlreadyRegistered.With(
            $"{own.Hostname} is already registered, and not as the row says: {string.Join("; ", differences)}.",
            "Leave these settings out of the row to keep the domain as it is. Change metadata and tls with PATCH "
            + "/v1/domains/{id}; for other settings delete the domain and register it again.") with
        { Existing = own.Id };

    private Task WriteAsync(
        ControlPlaneDb db, ImportRow row, ImportOutcome outcome, Guid? domain, Problem? problem)
    {
        var text = problem is null ? null : JsonSerializer.Serialize(RowProblem.Of(problem), _json);
        return StillPending(db, row).ExecuteUpdateAsync(
            set => set.SetProperty(one => one.Outcome, outcome).SetProperty(one => one.DomainId, domain)
                .SetProperty(one => one.Problem, text),
            CancellationToken.None);
    }

    /// <summary>After a surprise the row is not held any more: it may have been canceled, or registered by
    /// another.</summary>
    private static IQueryable<ImportRow> StillPending(ControlPlaneDb db, ImportRow row) => db.ImportRows.Where(
        one => one.ImportId == row.ImportId && one.Line == row.Line && one.Outcome == ImportOutcome.Pending);

    /// <summary>A row that has surprised goes to the end of the line, and is given up at last.</summary>
    private async Task NoteAsync(ImportRow row, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (row.Attempts + 1 >= MostAttempts)
        {
            await WriteAsync(db, row, ImportOutcome.Refused, null, Problems.Unexpected.With());
            return;
        }

        await StillPending(db, row).ExecuteUpdateAsync(
            set => set.SetProperty(one => one.Attempts, one => one.Attempts + 1), ct);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Line {Line} of import {Import} could not be registered")]
    private partial void LogSurprise(Exception surprise, Guid import, int line);
}

/// <summary>How a turn ended.</summary>
/// <param name="Worked">Rows that came to an outcome.</param>
/// <param name="Surprised">It ended early: the row that has surprised is to be tried again, and not at once.</param>
internal readonly record struct ImportTurnEnd(int Worked, bool Surprised);

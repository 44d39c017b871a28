using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Audit;

/// <summary>
/// Writes the trail: one insert a note, committed when the call returns. Whoever cannot write it must not do what it
/// tells of, so that nothing here swallows a failure.
/// </summary>
internal sealed class AuditTrail(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Longest text of a column, in characters. A path is the only one that a caller chooses.</summary>
    private const int MostCharacters = 256;

    /// <summary>Names are looked up here and not by the caller: it is the same round trip.</summary>
    private const string Insert =
        """
        INSERT INTO audit_entries (at, phase, actor_kind, actor_id, actor, role, tenant, operation, target, address,
                                   request_id, outcome, repeats)
        VALUES ($1, $2, $3, $4, coalesce($5, (SELECT name FROM api_keys WHERE id = $4)), $6,
                (SELECT name FROM tenants WHERE id = $7), $8, $9, $10, $11, $12, $13)
        """;

    /// <summary>Writes notes durably, in a transaction of their own.</summary>
    /// <exception cref="NpgsqlException">Nothing was written.</exception>
    public async Task WriteAsync(CancellationToken ct, params AuditNote[] notes)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        if (notes.Length == 1)
        {
            await InsertAsync(connection, notes[0], ct);
            return;
        }

        await using var transaction = await connection.BeginTransactionAsync(ct);
        await WriteWithinAsync(connection, notes, ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>Writes notes in the transaction that is open on a connection: they are there exactly if what they tell
    /// of is.</summary>
    public async Task WriteWithinAsync(
        NpgsqlConnection connection, IReadOnlyCollection<AuditNote> notes, CancellationToken ct)
    {
        foreach (var note in notes)
        {
            await InsertAsync(connection, note, ct);
        }
    }

    /// <summary>
    /// Runs a command of the command line with an entry before and one after it, under the name of the operating
    /// system's user: <c>return await trail.CommandAsync("vault rewrap", keyId, async () => …);</c>
    /// </summary>
    /// <param name="operation">The command's words.</param>
    /// <param name="target">What it was given; nothing secret.</param>
    /// <param name="command">Does it and returns the exit status.</param>
    public async Task<int> CommandAsync(string operation, string? target, Func<Task<int>> command)
    {
        var note = new AuditNote(
            AuditPhase.Asked, AuditActor.Command(), operation, target, Environment.MachineName,
            Guid.CreateVersion7(time.GetUtcNow()).ToString("N"));
        await WriteAsync(CancellationToken.None, note);
        var outcome = "failed";
        try
        {
            var status = await command();
            outcome = status == 0 ? "done" : $"exit {status}";
            return status;
        }
        finally
        {
            await WriteAsync(
                CancellationToken.None, note with { Phase = AuditPhase.Answered, Outcome = outcome });
        }
    }

    private async Task InsertAsync(NpgsqlConnection connection, AuditNote note, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Insert, connection)
        {
            Parameters =
            {
                new() { Value = time.GetUtcNow().ToUniversalTime() },
                Text(note.Phase.ToString().ToLowerInvariant()),
                Text(note.Actor.Kind.ToString().ToLowerInvariant()),
                Id(note.Actor.Id),
                Text(note.Actor.Name),
                Text(note.Actor.Role),
                Id(note.Actor.TenantId),
                Text(note.Operation),
                Text(note.Target),
                Text(note.Address),
                Text(note.RequestId),
                Text(note.Outcome),
                new() { Value = note.Repeats },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlParameter Id(Guid? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Uuid, Value = (object?)value ?? DBNull.Value };

    /// <summary>Control characters are legal in a path and in no text of the database; a question mark in their place
    /// shows that there was something.</summary>
    private static NpgsqlParameter Text(string? value) => new()
    {
        NpgsqlDbType = NpgsqlDbType.Text,
        Value = value is null
            ? DBNull.Value
            : string.Concat(
                value.EnumerateRunes().Take(MostCharacters).Select(c => Rune.IsControl(c) ? "?" : c.ToString())),
    };
}

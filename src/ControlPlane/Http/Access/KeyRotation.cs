using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Access;

/// <summary>
/// Replaces a key by a successor while both are valid, so that whoever holds it can change over without a gap. A line
/// of keys never has more than two valid ones: a third would be a key that nobody remembers.
/// </summary>
internal static class KeyRotation
{
    /// <summary>Makes a successor of a key that exists.</summary>
    /// <param name="db">Used up: a transaction of its own.</param>
    /// <param name="id">The key to replace.</param>
    /// <param name="wanted">Checked before.</param>
    /// <param name="now">UTC.</param>
    /// <returns>The successor, or why there is none.</returns>
    public static async Task<(Problem? Refusal, (ApiKey Successor, ApiKeySecret Secret)? Rotated)> RotateAsync(
        ControlPlaneDb db, Guid id, RotateKey wanted, DateTimeOffset now)
    {
        db.ChangeTracker.Clear();
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        // Of two rotations of one key at once the second finds the first one's successor.
        var old = await db.ApiKeys.FromSql($"SELECT * FROM api_keys WHERE id = {id} FOR UPDATE")
            .SingleAsync(CancellationToken.None);
        if (!old.IsLive(now))
        {
            return (Problems.KeyNotLive.With(), null);
        }

        var relatives = await db.ApiKeys.AsNoTracking()
            .Where(row => row.Id == old.PredecessorId || row.PredecessorId == old.Id)
            .ToListAsync(CancellationToken.None);
        if (relatives.Find(row => row.IsLive(now)) is { } other)
        {
            return (
                Problems.RotationUnderWay.With(
                    $"The key {other.Id} of the same line is valid too"
                    + (other.ExpiresAt is { } end ? $", until {end:yyyy-MM-ddTHH:mm:ssZ}." : ".")) with
                {
                    Existing = other.Id,
                },
                null);
        }

        var secret = ApiKeySecret.Create(old.Role);
        var successor = new ApiKey
        {
            Id = Guid.CreateVersion7(now),
            TenantId = old.TenantId,
            Role = old.Role,
            Name = old.Name,
            SecretHash = secret.Hash,
            CreatedAt = now,
            ExpiresAt = wanted.ExpiresInDays is { } days ? now.AddDays(days) : null,
            RequestsPerSecond = wanted.RequestsPerSecond ?? old.RequestsPerSecond,
            PredecessorId = old.Id,
        };
        var graceEnd = now.AddHours(wanted.GraceHours ?? KeyRules.DefaultGraceHours);
        old.ExpiresAt = old.ExpiresAt < graceEnd ? old.ExpiresAt : graceEnd;
        db.ApiKeys.Add(successor);
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return (null, (successor, secret));
    }

    /// <summary>Revokes an operator's key, but not the last one that could make others over the API.</summary>
    /// <param name="db">A transaction of its own.</param>
    /// <param name="id">The key.</param>
    /// <param name="force">Revoke it even if it is the last valid admin key.</param>
    /// <param name="now">UTC.</param>
    /// <returns>Why nothing was revoked, as a sentence that says what to do; null when it was.</returns>
    public static async Task<string?> RevokeAsync(ControlPlaneDb db, Guid id, bool force, DateTimeOffset now)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        // All admin keys are locked: of two that are revoked at once, one sees that the other has gone.
        var rows = await db.ApiKeys.FromSql(
            $"SELECT * FROM api_keys WHERE id = {id} OR role = 'admin' ORDER BY id FOR UPDATE")
            .ToListAsync(CancellationToken.None);
        if (rows.Find(row => row.Id == id) is not { } key)
        {
            return "There is no such key; 'keys list' shows their ids.";
        }

        var last = key.Role == ApiRole.Admin && key.IsLive(now)
            && !rows.Exists(row => row.Id != id && row.Role == ApiRole.Admin && row.IsLive(now));
        if (last && !force)
        {
            return "This is the last valid admin key. Make another first (keys create --role admin), or say --force.";
        }

        key.RevokedAt ??= now;
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return null;
    }
}

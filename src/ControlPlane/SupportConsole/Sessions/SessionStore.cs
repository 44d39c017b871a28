using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Database;
using ControlPlane.Http.Access;
using Npgsql;

namespace ControlPlane.SupportConsole.Sessions;

/// <summary>
/// Who is signed in to the console. The rows are in the database, so that every replica knows them; of a session's id
/// only the SHA-256 is kept, as of a key: 256 random bits need no slow hash. Whether the key behind a session is still
/// good is asked with each request, so that a session ends when its key does.
/// </summary>
internal sealed class SessionStore(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>A shift and its handover.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(12);

    /// <summary>Without a request of a person's: what a page fetches by itself does not count.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromHours(1);

    /// <summary>Of one key, which several people may hold. The oldest makes room.</summary>
    public const int MostOfAKey = 50;

    private const int RandomBytes = 32;

    /// <summary>One write a minute and session is enough to tell whether somebody is there.</summary>
    private static readonly TimeSpan UseResolution = TimeSpan.FromMinutes(1);

    /// <summary>Begins a session and clears away what has ended.</summary>
    /// <returns>Its id: for the browser's cookie, and kept nowhere.</returns>
    public async Task<string> BeginAsync(Guid key)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        var now = time.NowStored();
        await using var connection = await database.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                SqlCommands.BatchCommand(
                    """
                    DELETE FROM console_sessions
                    WHERE created_at <= $1 OR last_used_at <= $2 OR id_hash IN (
                        SELECT id_hash FROM console_sessions WHERE api_key_id = $3
                        ORDER BY created_at DESC, id_hash OFFSET $4)
                    """,
                    now - Longest, now - Idle, key, MostOfAKey - 1),
                SqlCommands.BatchCommand(
                    "INSERT INTO console_sessions (id_hash, api_key_id, created_at, last_used_at) "
                    + "VALUES ($1, $2, $3, $3)",
                    HashOf(id), key, now),
            },
        };
        await batch.ExecuteNonQueryAsync();
        return id;
    }

    /// <summary>Whose session it is; null when it has ended, or never was.</summary>
    /// <param name="id">From the cookie.</param>
    /// <param name="isPerson">False for what a page fetches by itself.</param>
    /// <param name="ct">Ends the wait.</param>
    public async Task<Caller?> FindAsync(string id, bool isPerson, CancellationToken ct)
    {
        var now = time.NowStored();
        var hash = HashOf(id);
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = connection.Command(
            """
            SELECT key.id, key.role, key.requests_per_second, session.last_used_at
            FROM console_sessions session JOIN api_keys key ON key.id = session.api_key_id
            WHERE session.id_hash = $1 AND session.created_at > $2 AND session.last_used_at > $3
              AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > $4)
            """,
            hash, now - Longest, now - Idle, now);
        Caller caller;
        DateTimeOffset used;
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            if (!await reader.ReadAsync(ct))
            {
                return null;
            }

            caller = new Caller(
                reader.GetGuid(0), Enum.Parse<ApiRole>(reader.GetString(1), ignoreCase: true), null,
                await reader.IsDBNullAsync(2, ct) ? null : reader.GetInt32(2));
            used = reader.GetFieldValue<DateTimeOffset>(3);
        }

        if (isPerson && used < now - UseResolution)
        {
            await using var note = connection.Command(
            """
                WITH used AS (UPDATE console_sessions SET last_used_at = $2 WHERE id_hash = $1)
                UPDATE api_keys SET last_used_at = $2 WHERE id = $3
                """,
                hash, now, caller.KeyId);
            await note.ExecuteNonQueryAsync(ct);
        }

        return caller;
    }

    public async Task EndAsync(string id)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var command = connection.Command(
            "DELETE FROM console_sessions WHERE id_hash = $1", HashOf(id));
        await command.ExecuteNonQueryAsync();
    }

    private static byte[] HashOf(string id) => SHA256.HashData(Encoding.UTF8.GetBytes(id));
}

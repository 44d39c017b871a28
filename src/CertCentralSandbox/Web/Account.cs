using System.Security.Cryptography;
using System.Text.Json;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web;

/// <summary>The key that immediate issuance is proved with.</summary>
internal sealed record AuthKey(long Id, string Key, DateTimeOffset? DateExpires);

/// <summary>What belongs to the account rather than to an order; kept in the journal.</summary>
internal sealed class Account
{
    private const string AuthKeyLine = "account/auth-key";
    private readonly Journal _journal;
    private readonly TimeProvider _wall;
    private readonly Lock _gate = new();
    private AuthKey? _authKey;

    public Account(Journal journal, TimeProvider wall)
    {
        (_journal, _wall) = (journal, wall);
        _authKey = journal.Lines.TryGetValue(AuthKeyLine, out var line) ? line.Deserialize<AuthKey>() : null;
    }

    /// <summary>The live AuthKey, or null when none was made or it has expired.</summary>
    public AuthKey? AuthKey => _authKey is { DateExpires: var end } key && (end is null || end > _wall.GetUtcNow())
        ? key
        : null;

    /// <summary>Makes the account's AuthKey; null when there is a live one.</summary>
    public AuthKey? CreateAuthKey(int? days)
    {
        lock (_gate)
        {
            if (AuthKey is not null)
            {
                return null;
            }

            var key = new AuthKey(
                RandomNumberGenerator.GetInt32(10_000, 99_999),
                RandomNumberGenerator.GetHexString(64, lowercase: true),
                days is { } d ? _wall.GetUtcNow().AddDays(d) : null);
            _journal.Append(AuthKeyLine, key);
            return _authKey = key;
        }
    }
}

using System.CommandLine;
using System.Globalization;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Access;

/// <summary>
/// <c>keys create | list | rotate | revoke</c>: every key, and the only way to operators' keys, the first admin key
/// among them. Whoever may use these has the database's password, which is more than any key. A secret is printed once,
/// on standard output, and is never an argument: arguments are seen by every user of the machine.
/// </summary>
internal static class KeyCommands
{
    /// <summary>Runs an action on the migrated database; with a change, the audit trail tells of it.</summary>
    public delegate Task<int> OnDatabase(
        Change? change, Func<ControlPlaneDb, TimeProvider, Task<int>> action, CancellationToken cancellation);

    /// <summary>What the trail says: the command's words, and what it was given.</summary>
    public sealed record Change(string Operation, string Target);

    public static Command Build(OnDatabase run) => new("keys", "API keys.")
    {
        Create(run), List(run), Rotate(run), Revoke(run),
    };

    private static Command Create(OnDatabase run)
    {
        var role = new Option<string>("--role") { Required = true, Description = "portal, support or admin." };
        role.AcceptOnlyFromAmong("portal", "support", "admin");
        var name = new Option<string>("--name")
        {
            Required = true,
            Description = "For people: who or what holds the key.",
        };
        var tenant = new Option<string?>("--tenant")
        {
            Description = "The portal's tenant, by name or id; made if there is none of the name.",
        };
        var (days, rate) = (Days(), Rate());
        return Command(
            "create", "Make a key and print it. It is not kept and cannot be shown again.",
            [role, name, tenant, days, rate],
            (parsed, ct) =>
            {
                var kind = Enum.Parse<ApiRole>(parsed.GetValue(role)!, ignoreCase: true);
                var wanted = new CreateKey(parsed.GetValue(name), parsed.GetValue(days), parsed.GetValue(rate));
                var forTenant = parsed.GetValue(tenant);
                if (kind == ApiRole.Portal != forTenant is not null)
                {
                    return FailAsync("A portal's key needs --tenant; support and admin keys must not have one.");
                }

                var checkedKey = new CreateKey.Rules().Validate(wanted);
                return !checkedKey.IsValid
                    ? FailAsync(string.Join(' ', checkedKey.Errors.Select(error => error.ErrorMessage)))
                    : run(
                        new Change("keys create", $"{parsed.GetValue(role)} {forTenant} {wanted.Name}"),
                        async (db, time) =>
                        {
                            var owner = forTenant is null
                                ? null
                                : await TenantAsync(db, forTenant, time.NowStored(), ct);
                            if (forTenant is not null && owner is null)
                            {
                                return await FailAsync(
                                    "--tenant must be the id of a tenant, or 1 to 63 of a-z, 0-9 and hyphen.");
                            }

                            var (_, secret) = await Keys.AddAsync(db, kind, owner, wanted, time.NowStored());
                            Console.WriteLine(secret.Reveal());
                            return 0;
                        },
                        ct);
            });
    }

    private static Command List(OnDatabase run) => Command(
        "list", "List all keys, oldest first, without their secrets: id, role, tenant, name, state, last use.", [],
        (_, ct) => run(
            null,
            async (db, time) =>
            {
                var now = time.NowStored();
                var tenants = await db.Tenants.ToDictionaryAsync(row => row.Id, row => row.Name, ct);
                foreach (var key in await db.ApiKeys.AsNoTracking().OrderBy(row => row.Id).ToListAsync(ct))
                {
                    var state = key.RevokedAt is { } revoked ? $"revoked {Written(revoked)}"
                        : !key.IsLive(now) ? $"expired {Written(key.ExpiresAt)}"
                        : key.ExpiresAt is null ? "valid" : $"valid until {Written(key.ExpiresAt)}";
                    var tenant = key.TenantId is { } id ? tenants[id] : "-";
                    var used = key.LastUsedAt is null ? "never used" : $"used {Written(key.LastUsedAt)}";
                    Console.WriteLine($"{key.Id}\t{key.Role.ToString().ToLowerInvariant()}\t{tenant}\t{key.Name}\t"
                        + $"{state}\t{used}");
                }

                return 0;
            },
            ct));

    private static Command Rotate(OnDatabase run)
    {
        var key = Key();
        var grace = new Option<int?>("--grace-hours")
        {
            Description = $"For how long the old key goes on, 0 to {KeyRules.MaxGraceHours}; "
                + $"{KeyRules.DefaultGraceHours} when left out.",
        };
        var (days, rate) = (Days(), Rate());
        return Command(
            "rotate", "Make a key's successor and print it; the old one goes on for the grace period.",
            [key, grace, days, rate],
            (parsed, ct) =>
            {
                var wanted = new RotateKey(parsed.GetValue(grace), parsed.GetValue(days), parsed.GetValue(rate));
                var checkedKey = new RotateKey.Rules().Validate(wanted);
                return !checkedKey.IsValid
                    ? FailAsync(string.Join(' ', checkedKey.Errors.Select(error => error.ErrorMessage)))
                    : run(
                        new Change("keys rotate", $"api_keys/{parsed.GetValue(key)}"),
                        async (db, time) =>
                        {
                            var id = parsed.GetValue(key);
                            if (!await db.ApiKeys.AnyAsync(row => row.Id == id, ct))
                            {
                                return await FailAsync("There is no such key; 'keys list' shows their ids.");
                            }

                            var (refusal, made) = await KeyRotation.RotateAsync(db, id, wanted, time.NowStored());
                            if (made is not { Secret: var secret })
                            {
                                var steps = refusal!.Fix.Select(step => step.Text);
                                return await FailAsync($"{refusal.Detail} {string.Join(' ', steps)}");
                            }

                            Console.WriteLine(secret.Reveal());
                            return 0;
                        },
                        ct);
            });
    }

    private static Command Revoke(OnDatabase run)
    {
        var key = Key();
        var force = new Option<bool>("--force") { Description = "Even the last valid admin key." };
        return Command(
            "revoke", "Revoke a key: every replica refuses it from the next request on.", [key, force],
            (parsed, ct) => run(
                new Change("keys revoke", $"api_keys/{parsed.GetValue(key)}"),
                async (db, time) =>
                    await KeyRotation.RevokeAsync(
                        db, parsed.GetValue(key), parsed.GetValue(force), time.NowStored()) is { } refusal
                        ? await FailAsync(refusal)
                        : 0,
                ct));
    }

    private static Command Command(
        string name, string description, IReadOnlyList<Symbol> symbols,
        Func<ParseResult, CancellationToken, Task<int>> action)
    {
        // Settings are given on the same line: --Section:Key=value.
        var command = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        foreach (var symbol in symbols)
        {
            if (symbol is Option option)
            {
                command.Options.Add(option);
            }
            else
            {
                command.Arguments.Add((Argument)symbol);
            }
        }

        command.SetAction(action);
        return command;
    }

    private static Argument<Guid> Key() => new("key") { Description = "The key's id, as 'keys list' shows it." };

    private static Option<int?> Days() => new("--expires-in-days")
    {
        Description = $"1 to {KeyRules.MaxDays}; never when left out.",
    };

    private static Option<int?> Rate() => new("--requests-per-second")
    {
        Description = $"1 to {KeyRules.MaxRequestsPerSecond}; the role's when left out.",
    };

    private static string Written(DateTimeOffset? at) =>
        at!.Value.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static async Task<int> FailAsync(string why)
    {
        await Console.Error.WriteLineAsync(why);
        return 1;
    }

    private static async Task<Guid?> TenantAsync(
        ControlPlaneDb db, string reference, DateTimeOffset now, CancellationToken ct)
    {
        if (IdOrName.IsName(reference))
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO tenants (id, name, created_at) VALUES ({Guid.CreateVersion7(now)}, {reference}, {now})
                 ON CONFLICT DO NOTHING
                 """,
                ct);
        }

        return (await TenantReference.FindAsync(db, reference, ct))?.Id;
    }
}

using FluentValidation;

namespace ControlPlane.Http.Access;

/// <summary>What holds for every key, whoever makes it: over the API or on the command line.</summary>
internal static class KeyRules
{
    public const int MaxNameLength = 100;
    public const int MaxRequestsPerSecond = 10_000;

    /// <summary>Ten years: a longer time is a typing error.</summary>
    public const int MaxDays = 3650;

    /// <summary>How long a rotated key goes on: a day, in which whoever holds it is given the other.</summary>
    public const int DefaultGraceHours = 24;

    /// <summary>30 days: a longer rotation is none.</summary>
    public const int MaxGraceHours = 30 * 24;

    public const string NameRule =
        "name must be 1 to 100 characters, without control characters and without changes of writing direction.";

    /// <summary>Names are read by people, in lists and terminals: nothing that hides or reorders what is
    /// written.</summary>
    public static bool IsName(string? name) => name is { Length: >= 1 and <= MaxNameLength }
        && !string.IsNullOrWhiteSpace(name)
        && !name.Any(c => char.IsControl(c) || c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069'))
        && name.EnumerateRunes().All(rune => rune.Value != 0xFFFD);

    public static IRuleBuilderOptions<T, int?> Rate<T>(this IRuleBuilder<T, int?> rule) =>
        rule.InclusiveBetween(1, MaxRequestsPerSecond)
            .WithMessage($"requestsPerSecond must be 1 to {MaxRequestsPerSecond}.");

    public static IRuleBuilderOptions<T, int?> Days<T>(this IRuleBuilder<T, int?> rule) =>
        rule.InclusiveBetween(1, MaxDays).WithMessage($"expiresInDays must be 1 to {MaxDays}.");
}

/// <summary>A key to create.</summary>
/// <param name="Name">For people: which system holds the key. 1 to 100 characters.</param>
/// <param name="ExpiresInDays">1 to 3,650; never when left out.</param>
/// <param name="RequestsPerSecond">1 to 10,000; a portal's usual rate when left out.</param>
internal sealed record CreateKey(string? Name, int? ExpiresInDays = null, int? RequestsPerSecond = null)
{
    internal sealed class Rules : AbstractValidator<CreateKey>
    {
        public Rules()
        {
            RuleFor(body => body.Name).Must(KeyRules.IsName).WithMessage(KeyRules.NameRule);
            RuleFor(body => body.ExpiresInDays).Days();
            RuleFor(body => body.RequestsPerSecond).Rate();
        }
    }
}

/// <summary>How to rotate a key.</summary>
/// <param name="GraceHours">For how long the old key goes on, 0 to 720; 24 when left out.</param>
/// <param name="ExpiresInDays">The successor's life, 1 to 3,650; never ends when left out.</param>
/// <param name="RequestsPerSecond">1 to 10,000; as the old key's when left out.</param>
internal sealed record RotateKey(int? GraceHours = null, int? ExpiresInDays = null, int? RequestsPerSecond = null)
{
    internal sealed class Rules : AbstractValidator<RotateKey>
    {
        public Rules()
        {
            RuleFor(body => body.GraceHours).InclusiveBetween(0, KeyRules.MaxGraceHours)
                .WithMessage($"graceHours must be 0 to {KeyRules.MaxGraceHours}.");
            RuleFor(body => body.ExpiresInDays).Days();
            RuleFor(body => body.RequestsPerSecond).Rate();
        }
    }
}

/// <summary>A key without its secret.</summary>
/// <param name="Id">Names the key; it opens nothing.</param>
/// <param name="Role">What it may do.</param>
/// <param name="Name">Who or what holds it.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="LastUsedAt">Exact to a minute; null when it was never used.</param>
/// <param name="ExpiresAt">Refused from then on; null: never.</param>
/// <param name="RevokedAt">Refused since then.</param>
/// <param name="PredecessorId">The key it was rotated from.</param>
/// <param name="RequestsPerSecond">Its own rate; null: its role's.</param>
internal sealed record KeyView(
    Guid Id,
    ApiRole Role,
    string Name,
    DateTimeOffset CreatedAt,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt,
    Guid? PredecessorId,
    int? RequestsPerSecond)
{
    public static KeyView Of(ApiKey key) => new(
        key.Id, key.Role, key.Name, key.CreatedAt, key.LastUsedAt, key.ExpiresAt, key.RevokedAt, key.PredecessorId,
        key.RequestsPerSecond);
}

/// <summary>A new key, with its secret for the only time.</summary>
/// <param name="Key">The key's record.</param>
/// <param name="Secret">Send it as <c>Authorization: Bearer &lt;secret&gt;</c>. It cannot be shown again.</param>
internal sealed record CreatedKey(KeyView Key, string Secret)
{
    public override string ToString() => $"CreatedKey {{ Key = {Key.Id} }}";
}

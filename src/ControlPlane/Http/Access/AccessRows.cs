namespace ControlPlane.Http.Access;

/// <summary>A customer-facing product or company whose domains are kept apart from all others'.</summary>
internal sealed class Tenant
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Where its new domains go when nobody says; null: the configured fleet.</summary>
    public Guid? FleetId { get; set; }

    /// <summary>The CA of its domains that name none; null: the configured one.</summary>
    public string? CertificateAuthority { get; set; }

    /// <summary>While set, its keys are refused; its domains go on being served.</summary>
    public DateTimeOffset? DisabledAt { get; set; }
}

/// <summary>A bearer credential of the API. Only its hash is kept.</summary>
internal sealed class ApiKey
{
    public required Guid Id { get; init; }

    /// <summary>Set for <see cref="ApiRole.Portal"/> only.</summary>
    public Guid? TenantId { get; init; }

    public required ApiRole Role { get; init; }

    public required string Name { get; init; }

    public required byte[] SecretHash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>Refused from then on; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>Requests a second, 1 to 10,000; null: its role's.</summary>
    public int? RequestsPerSecond { get; init; }

    /// <summary>The key it was rotated from.</summary>
    public Guid? PredecessorId { get; init; }

    public bool IsLive(DateTimeOffset now) => RevokedAt is null && (ExpiresAt is null || now < ExpiresAt);
}

/// <summary>What a key may do.</summary>
internal enum ApiRole
{
    /// <summary>A tenant's onboarding portal: its own domains, nothing else.</summary>
    Portal,

    /// <summary>Support staff: reads everything, starts checks, changes no ownership.</summary>
    Support,

    /// <summary>Operators.</summary>
    Admin,
}

/// <summary>The first answer given under an Idempotency-Key.</summary>
internal sealed class IdempotencyKey
{
    public required Guid ApiKeyId { get; init; }

    public required string Key { get; init; }

    /// <summary>SHA-256 over method, path and body: the same key with another request is an error.</summary>
    public required byte[] RequestHash { get; init; }

    /// <summary>Null while the first request is still being answered.</summary>
    public int? Status { get; set; }

    public string? Location { get; set; }

    public string? Body { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }
}

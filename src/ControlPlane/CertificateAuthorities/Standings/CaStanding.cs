using ControlPlane.Domains.Hostnames;

namespace ControlPlane.CertificateAuthorities.Standings;

/// <summary>Which calls a standing is about.</summary>
internal enum CaCalls
{
    /// <summary>Those that place orders.</summary>
    Orders,

    /// <summary>All others.</summary>
    Others,
}

/// <summary>How a CA has answered calls of one kind of late, as all replicas saw it.</summary>
internal sealed class CaStanding
{
    public required string Ca { get; init; }

    public required CaCalls Calls { get; init; }

    /// <summary>Calls without an answer since the last success.</summary>
    public int Failures { get; init; }

    public DateTimeOffset? FailingSince { get; init; }

    public DateTimeOffset? FailedAt { get; init; }

    /// <summary>Our credential was refused, and not taken since.</summary>
    public DateTimeOffset? RefusedAt { get; init; }

    /// <summary>The quota was used up then, and always since when it was asked again.</summary>
    public DateTimeOffset? NoQuotaSince { get; init; }

    public DateTimeOffset? NoQuotaUntil { get; init; }

    /// <summary>The registered domain that alone has met that, so that the quota may be its own; null when others have,
    /// too.</summary>
    public string? NoQuotaName { get; init; }

    /// <summary>Why no order for the name should go there at present, as the end of a sentence that begins with the
    /// CA's name; null when it may.</summary>
    public string? WhyDown(FailoverOptions options, string hostname, DateTimeOffset now) => true switch
    {
        _ when RefusedAt is { } refused => $"has refused our credential since {refused:u}",
        _ when Failures >= options.FailoverFailures && FailedAt - FailingSince >= options.FailoverAfter =>
            $"has not answered since {FailingSince:u}",
        // One that is over is over, however long it was: the next order tells.
        _ when NoQuotaUntil > now && NoQuotaUntil - NoQuotaSince >= options.FailoverQuotaPatience
            && (NoQuotaName is null || NoQuotaName == PublicSuffixes.RegisteredDomainOf(hostname)) =>
            $"takes no more of us until {NoQuotaUntil:u}",
        _ => null,
    };
}

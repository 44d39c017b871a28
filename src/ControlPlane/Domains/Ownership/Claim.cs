namespace ControlPlane.Domains.Ownership;

/// <summary>How a domain stands to its name. Several claims to a name may be there at once; one of them holds
/// it.</summary>
internal enum Claim
{
    /// <summary>Owns the name: nobody else claimed it, or the TXT record was seen.</summary>
    Held,

    /// <summary>Another tenant claims the name, or had it within the quarantine: nothing is ordered before the TXT
    /// record is seen.</summary>
    Contested,

    /// <summary>The TXT record was seen; the former owner serves until this claim's certificate takes over.</summary>
    Proven,

    /// <summary>Another tenant showed its TXT record. Final: a new registration gets a new record.</summary>
    Lost,
}

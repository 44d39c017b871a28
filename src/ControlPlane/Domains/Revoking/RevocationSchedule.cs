namespace ControlPlane.Domains.Revoking;

/// <summary>How long a revocation waits, as literals; elapsed time stands beside each entry.</summary>
internal static class RevocationSchedule
{
    /// <summary>After a call that brought no answer, or a refusal, and after the last of them it has failed. A refusal
    /// is tried again, too: CertCentral takes no revocation while a reissue of the same order is under way, and no CA
    /// documents all its codes. A day: within that a CA must have revoked a key it knows to be compromised (Baseline
    /// Requirements 4.9.1.1).</summary>
    public static readonly IReadOnlyList<TimeSpan> AfterFault =
    [
        TimeSpan.FromSeconds(10), // 10 s
        TimeSpan.FromMinutes(1), // 1 min
        TimeSpan.FromMinutes(5), // 6 min
        TimeSpan.FromMinutes(15), // 21 min
        TimeSpan.FromMinutes(30), // 51 min
        TimeSpan.FromHours(1), // 1.9 h
        TimeSpan.FromHours(2), // 3.9 h
        TimeSpan.FromHours(4), // 7.9 h
        TimeSpan.FromHours(8), // 15.9 h
        TimeSpan.FromHours(8), // 23.9 h
    ];

    /// <summary><see cref="AfterFault"/> for readers of the API.</summary>
    public const string InWords = "after 10 s, 1, 5, 15 and 30 min, 1, 2, 4, 8 and 8 h; after these 24 h it has failed";

    /// <summary>While a person has to approve it: there is no end to it, and it costs one call.</summary>
    public static readonly TimeSpan Approval = TimeSpan.FromMinutes(10);

    /// <summary>While the calls that the CA allows us are used up, if it does not say how long.</summary>
    public static readonly TimeSpan NoBudget = TimeSpan.FromSeconds(10);

    /// <summary>Before the next order that is to replace the certificate, after one that failed; the last entry for all
    /// later ones.</summary>
    public static readonly IReadOnlyList<TimeSpan> AfterFailedOrder =
        [TimeSpan.FromMinutes(15), TimeSpan.FromHours(1), TimeSpan.FromHours(6), TimeSpan.FromHours(24)];
}

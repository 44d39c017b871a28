namespace ControlPlane.Campaigns.Planning;

/// <summary>What is foretold before anything is done, for a start at once. It counts on the renewals' whole share of
/// each CA's calls: whatever else is renewed meanwhile makes it longer, and new domains always go first.</summary>
/// <param name="Found">Domains that the filter finds; the sum of <paramref name="ToReplace"/> and
/// <paramref name="Cannot"/> without unknown serial numbers.</param>
/// <param name="ToReplace">Of these, those that get a successor.</param>
/// <param name="UnderWay">Of these, those whose successor was opened already, for another reason: they are followed,
/// and cost nothing more.</param>
/// <param name="Cannot">What is left out, by its reason.</param>
/// <param name="CaCalls">Calls at all CAs, where nothing has to be asked twice.</param>
/// <param name="Authorities">The same for each CA, by what domain, tenant or settings choose now.</param>
/// <param name="OrderSeconds">What one successor takes where nothing queues: the median of the last 200 orders that
/// became active, none of them in bulk; ten seconds while there are none.</param>
/// <param name="Seconds">From the start to the last proof; 0 where there is nothing to do.</param>
/// <param name="Eta">The same as a time, for a start now.</param>
/// <param name="Fits">Whether that is before the deadline.</param>
/// <param name="Late">How many will not make it; <c>GET /v1/campaigns/{id}/domains?state=late</c> lists them.</param>
/// <param name="LatestStart">A start after this misses the deadline; null when it is missed already.</param>
internal sealed record CampaignPlan(
    int Found,
    int ToReplace,
    int UnderWay,
    IReadOnlyList<LeftOut> Cannot,
    int CaCalls,
    IReadOnlyList<CaShare> Authorities,
    double OrderSeconds,
    double Seconds,
    DateTimeOffset Eta,
    bool Fits,
    int Late,
    DateTimeOffset? LatestStart);

/// <summary>What one CA has to do.</summary>
/// <param name="Name">The CA's.</param>
/// <param name="Orders">Successors that it is asked for.</param>
/// <param name="Calls">Calls that takes.</param>
internal sealed record CaShare(string Name, int Orders, int Calls);

/// <summary>Some that are not replaced.</summary>
/// <param name="Why">What they have in common.</param>
/// <param name="Count">How many.</param>
internal sealed record LeftOut(WhyLeftOut Why, int Count);

/// <summary>Why something that was asked for is not replaced.</summary>
internal enum WhyLeftOut
{
    /// <summary>The name leads elsewhere: the CA would not find our token.</summary>
    Left,

    /// <summary>The domain is being deleted, or lost its name to another account.</summary>
    Gone,

    /// <summary>Another campaign has it.</summary>
    OtherCampaign,

    /// <summary>A serial number of a certificate that is not in use any more.</summary>
    NotInUse,

    /// <summary>A serial number that no certificate here has.</summary>
    UnknownSerial,

    /// <summary>A listed name that is not served, or not known.</summary>
    NotServed,
}

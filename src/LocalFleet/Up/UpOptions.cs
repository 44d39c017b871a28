namespace LocalFleet.Up;

/// <summary>What <c>make up</c> was asked for.</summary>
internal sealed record UpOptions
{
    public required FleetOptions Fleet { get; init; }

    /// <summary>How many sample domains there shall be (0–5000). Those of an earlier run count.</summary>
    public required int Domains { get; init; }

    /// <summary>Register what is missing by one file, and send the file again.</summary>
    public bool Import { get; init; }

    /// <summary>Replace all certificates by a campaign once they are there: <see cref="CampaignDrill"/>.</summary>
    public bool Campaign { get; init; }

    /// <summary>Stop by itself when all is proven.</summary>
    public required bool Once { get; init; }

    /// <summary>Where the report goes; null writes none.</summary>
    public string? Report { get; init; }

    /// <summary>How long the domains may take, from the first registration.</summary>
    public required TimeSpan Timeout { get; init; }
}

using System.CommandLine;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Drills;

namespace ControlPlane.Campaigns;

/// <summary>The options of <c>campaign plan</c>, which say what <see cref="CampaignRequest"/> does.</summary>
internal sealed class CampaignPlanOptions
{
    private readonly Option<string> _reason = new("--reason") { Required = true, Description = "Why, for people." };

    private readonly Option<TimeSpan> _within = new("--within")
    {
        Description = "How long it may take, such as 24h.",
        DefaultValueFactory = _ => TimeSpan.FromHours(24),
        CustomParser = result =>
        {
            // A bare number would be taken for seconds by one and for hours by another.
            var text = result.Tokens[0].Value;
            if (Durations.TryParse(text, out var within) && within > TimeSpan.Zero && char.IsAsciiLetter(text[^1]))
            {
                return within;
            }

            result.AddError("--within takes a duration, such as 90m or 24h.");
            return default;
        },
    };

    private readonly Option<string?> _serials = new("--serials")
    {
        Description = "A file with a serial number on each line, in hexadecimal.",
    };

    private readonly Option<string?> _hostnames = new("--hostnames")
    {
        Description = "A file with a name on each line.",
    };

    private readonly Option<string?> _issuer = new("--issuer")
    {
        Description = "The common name of the certificate that issued them.",
    };

    private readonly Option<KeyAlgorithm?> _key = new("--key-algorithm") { Description = "ecdsaP256 or rsa2048." };

    private readonly Option<string?> _node = new("--exposed-to-node")
    {
        Description = "A node, by id or name, that could ever read their keys.",
    };

    private readonly Option<DateTimeOffset?> _before = new("--expires-before") { Description = "Ending before then." };

    private readonly Option<DateTimeOffset?> _after = new("--expires-after") { Description = "Ending then or later." };

    private readonly Option<string?> _tenant = new("--tenant") { Description = "Whose, by id or name." };

    private readonly Option<string?> _classes = new("--traffic-class")
    {
        Description = "Who comes first: a key of the domains' metadata and its values, such as tier=gold,silver. "
            + "Left out: who expires first.",
    };

    private readonly Option<RevocationReason?> _revoke = new("--revoke-after")
    {
        Description = "How the old ones are to be revoked once their successors are proven, such as superseded.",
    };

    private readonly Option<bool> _rehearse = new("--rehearse")
    {
        Description = "Started, it is played on paper, and nothing is ordered.",
    };

    public List<Option> All =>
    [
        _reason, _within, _serials, _hostnames, _issuer, _key, _node, _before, _after, _tenant, _classes, _revoke,
        _rehearse,
    ];

    public string ReasonIn(ParseResult parsed) => parsed.GetValue(_reason)!;

    /// <summary>The filter, or why its files cannot be read.</summary>
    public async Task<(CampaignFilter? Filter, string? Unreadable)> FilterAsync(
        ParseResult parsed, CancellationToken ct)
    {
        try
        {
            return (new CampaignFilter(
                await LinesAsync(parsed.GetValue(_serials), ct), parsed.GetValue(_issuer), parsed.GetValue(_key),
                parsed.GetValue(_node), parsed.GetValue(_before), parsed.GetValue(_after), parsed.GetValue(_tenant),
                await LinesAsync(parsed.GetValue(_hostnames), ct)), null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return (null, fault.Message);
        }
    }

    public CampaignRequest Read(ParseResult parsed, CampaignFilter filter, DateTimeOffset now)
    {
        var classes = parsed.GetValue(_classes)?.Split('=', 2);
        return new CampaignRequest(
            parsed.GetValue(_reason), now + parsed.GetValue(_within), filter,
            classes is null ? CampaignPriority.Expiry : CampaignPriority.TrafficClass,
            classes is null ? null : new TrafficClasses(classes[0], classes.ElementAtOrDefault(1)?.Split(',')),
            parsed.GetValue(_revoke), parsed.GetValue(_rehearse));
    }

    /// <summary>Empty lines are none.</summary>
    private static async Task<IReadOnlyList<string>?> LinesAsync(string? path, CancellationToken ct) => path is null
        ? null
        : [.. (await File.ReadAllLinesAsync(path, ct)).Select(line => line.Trim()).Where(line => line != "")];
}

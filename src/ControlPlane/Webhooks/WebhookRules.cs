using System.Net;
using ControlPlane.Domains.Probing;
using ControlPlane.Http.Access;
using Microsoft.Extensions.Options;

namespace ControlPlane.Webhooks;

/// <summary>What a webhook may be. Where its name leads is looked at when something is sent, not here: that may change
/// at any time.</summary>
internal sealed class WebhookRules(IOptions<WebhookOptions> options)
{
    private const int MostCharacters = 2_000;
    private const int MostTypes = 50;

    public const string TypesRule = "eventTypes must be up to 50 types of events, each once, or *.";

    public const string DescriptionRule =
        "description must be up to 100 characters, without control characters and changes of writing direction.";

    public string AddressRule => options.Value.AllowReservedAddresses
        ? "url must be an http or https address of at most 2,000 characters, without user name and fragment."
        : "url must be an https address of at most 2,000 characters, without user name and fragment, and not within a "
            + "reserved network.";

    /// <summary>As it is kept; null when it will not do.</summary>
    public string? Address(string? url)
    {
        if (url is not { Length: > 0 and <= MostCharacters } || !Uri.TryCreate(url, UriKind.Absolute, out var parsed))
        {
            return null;
        }

        var lab = options.Value.AllowReservedAddresses;
        var good = (parsed.Scheme == Uri.UriSchemeHttps || (lab && parsed.Scheme == Uri.UriSchemeHttp))
            && parsed.UserInfo.Length == 0 && parsed.Fragment.Length == 0 && parsed.Port > 0
            && parsed.IdnHost.Length is > 0 and <= 253
            && (lab || !(IPAddress.TryParse(parsed.IdnHost, out var literal) && ReservedAddresses.Contains(literal)));
        return good && parsed.AbsoluteUri is { Length: <= MostCharacters } kept && kept.All(char.IsAscii) ? kept : null;
    }

    public static bool AreTypes(IReadOnlyList<string>? types) => types is null
        || (types.Count <= MostTypes && types.All(type => type is not null && WebhookTypes.IsKnown(type))
            && types.Distinct().Count() == types.Count);

    public static bool IsDescription(string? text) => text is null or "" || KeyRules.IsName(text);
}

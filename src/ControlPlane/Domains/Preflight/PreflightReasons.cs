using ControlPlane.Http;

namespace ControlPlane.Domains.Preflight;

/// <summary>What a look with the CA's eyes can find, besides the plain DNS reasons of <see cref="Reasons"/>.</summary>
internal static class PreflightReasons
{
    public static readonly Reason ServersFailing = new(
        "dns-servers-failing", WaitingOn.Customer,
        "The name's own name servers give no answer, though DNS works for other names.",
        "Ask the DNS provider of the name why its servers fail. Often the zone is gone from them while the registrar "
        + "still names them, or they are shut off.");

    public static readonly Reason DnssecFailing = new(
        "dnssec-failing", WaitingOn.Customer,
        "The name's DNSSEC signatures do not hold, so that no certificate authority may believe its records.",
        "Have the zone signed anew at its DNS provider. If it was moved or is not signed any more, have the old DS "
        + "record removed at the registrar.");

    public static readonly Reason ChainBroken = new(
        "dns-chain-broken", WaitingOn.Customer,
        "The name's CNAME records run in a circle, or are too many in a row.",
        "Point the name straight at the target shown, with one record.");

    public static readonly Reason NotEverywhere = new(
        "dns-not-everywhere", WaitingOn.Customer,
        "Not all resolvers see the name's new record yet.",
        "Nothing to do when it was changed a short while ago: wait until the old record's time to live is over. If it "
        + "stays, make sure that all name servers of the zone hold the same records.");

    public static readonly Reason PrivateAddress = new(
        "dns-private-address", WaitingOn.Customer,
        "The name leads to an address that is private or reserved: nobody on the internet arrives there.",
        "Remove the records shown, and leave those that lead to us.");

    public static readonly Reason Ipv6Elsewhere = new(
        "ipv6-elsewhere", WaitingOn.Customer,
        "Over IPv6 the name leads elsewhere: its AAAA records are not ours, and our token is not found there.",
        "Remove the AAAA records shown. They are often left from a former host.");

    public static readonly Reason CaaForbids = new(
        "caa-forbids", WaitingOn.Customer,
        "A CAA record forbids our certificate authority to issue for the name.",
        "Create the CAA record shown, beside the present ones, or remove the one shown.");

    public static readonly Reason CaaOfOursForbids = new(
        "caa-of-ours-forbids", WaitingOn.Operator,
        "A CAA record at the target customers point at forbids our certificate authority to issue.",
        "Create the CAA record shown: a certificate authority follows the customer's CNAME to it.");

    public static readonly Reason CaaNotAnswering = new(
        "caa-not-answering", WaitingOn.Customer,
        "The name's CAA records cannot be looked up, and without an answer the certificate authority must refuse.",
        "Ask the DNS provider of the name why its servers do not answer questions of type CAA. An empty answer is "
        + "enough.");

    public static readonly Reason CaaNarrowed = new(
        "caa-narrowed", WaitingOn.Customer,
        "The CAA record that allows our certificate authority names an account or a method of validation.",
        "If the certificate authority refuses, create the CAA record shown, which names neither.");

    public static readonly Reason Port80NotReached = new(
        "port80-not-reached", WaitingOn.Customer,
        "Nobody answers on port 80 of an address the name leads to.",
        "Open port 80 there and let it pass to us, or remove that address from the name's records.");

    public static readonly Reason Port80AnsweredByAnother = new(
        "port80-answered-by-another", WaitingOn.Customer,
        "Something else than we answers on port 80 of an address the name leads to.",
        "If a CDN or proxy is meant to stand before us: let it pass http://<name>/.well-known/pki-validation/ to us on "
        + "port 80, without redirect, cache or log-in. Else point the name at us.");

    public static readonly Reason Port80OfOursFails = new(
        "port80-of-ours-fails", WaitingOn.Operator,
        "Our token is not given back on port 80 of an address that is the fleet's own.",
        "Check the load balancer and firewall before the nodes; port 80 must be open to everybody.");

    /// <summary>Every reason above.</summary>
    public static readonly IReadOnlyList<Reason> All =
    [
        ServersFailing, DnssecFailing, ChainBroken, NotEverywhere, PrivateAddress, Ipv6Elsewhere,
        CaaForbids, CaaOfOursForbids, CaaNotAnswering, CaaNarrowed,
        Port80NotReached, Port80AnsweredByAnother, Port80OfOursFails,
    ];
}

using System.Runtime.CompilerServices;

namespace ControlPlane.Http;

/// <summary>Why a name is refused: one code per cause, so that a portal can say it in its own language.</summary>
internal static class HostnameProblems
{
    public static readonly ProblemKind Missing = Refused(
        "The field hostname is missing or empty.", "Send the full name, such as shop.example.com.");

    public static readonly ProblemKind Whitespace = Refused(
        "The name holds a space, a line break or another invisible character.",
        "Send the bare name, nothing around it.");

    public static readonly ProblemKind UpperCase = Refused(
        "The name holds upper-case letters.", "Send the name in lower case.");

    public static readonly ProblemKind TrailingDot = Refused(
        "The name ends with a dot.", "Send the name without the last dot.");

    public static readonly ProblemKind NotAscii = Refused(
        "The name holds characters outside ASCII.", "Send the A-label form of the name, whose labels begin with xn--.");

    public static readonly ProblemKind Url = Refused(
        "This is a URL, not a name.", "Send the name alone, without scheme and path.");

    public static readonly ProblemKind Port = Refused(
        "The name carries a port.", "Send the name without the colon and the port.");

    public static readonly ProblemKind Wildcard = Refused(
        "Wildcards cannot be proven over HTTP.", "Register each name by itself.");

    public static readonly ProblemKind Address = Refused(
        "This is an IP address.", "Send a DNS name; certificates for addresses are not offered.");

    public static readonly ProblemKind SingleLabel = Refused(
        "The name has one label only.", "Send the full name with its domain, such as shop.example.com.");

    public static readonly ProblemKind Underscore = Refused(
        "The name holds an underscore, which host names may not.", "Choose a name of a-z, 0-9 and inner hyphens.");

    public static readonly ProblemKind LabelTooLong = Refused(
        "A label is longer than 63 characters (RFC 1035).", "Shorten the label.");

    public static readonly ProblemKind TooLong = Refused(
        "The name is longer than 64 characters, the limit of a certificate's common name (RFC 5280).",
        "Use a shorter name.");

    public static readonly ProblemKind Malformed = Refused(
        "This is not a host name.", "Use labels of a-z, 0-9 and inner hyphens, separated by single dots.");

    public static readonly ProblemKind PublicSuffix = Refused(
        "The name is a public suffix, under which others register.", "Send a name that you own, below the suffix.");

    public static readonly ProblemKind Ours = Refused(
        "The name belongs to this service.", "Send a name of your own domain.");

    public static readonly ProblemKind BadALabel = Refused(
        "A label that begins with xn-- does not stand for a word (RFC 5891).",
        "Send the A-label form that the name's registry uses.");

    public static readonly ProblemKind ReservedLabel = Refused(
        "A label has hyphens in its third and fourth place, which is reserved for A-labels (RFC 5891 §4.2.3.1).",
        "Choose a label without them.");

    public static readonly ProblemKind MixedScripts = Refused(
        "A label mixes writing systems, so that it can be taken for another name (UTS #39).",
        "Choose a label in one writing system.");

    public static readonly ProblemKind Confusable = Refused(
        "A label of another writing system looks like a Latin word (UTS #39).",
        "Choose a label that cannot be taken for another.");

    public static readonly ProblemKind SpecialUse = Refused(
        "The name ends in a reserved name that the public DNS does not serve (RFC 6761).",
        "Send a name that resolves in the public DNS.");

    public static IEnumerable<ProblemKind> All =>
    [
        Missing, Whitespace, UpperCase, TrailingDot, NotAscii, Url, Port, Wildcard, Address, SingleLabel, Underscore,
        LabelTooLong, TooLong, Malformed, BadALabel, ReservedLabel, MixedScripts, Confusable, SpecialUse,
        PublicSuffix, Ours,
    ];

    /// <summary>The code follows from the field's name: LabelTooLong → hostname-label-too-long.</summary>
    private static ProblemKind Refused(string title, string fix, [CallerMemberName] string name = "") => new(
        "hostname" + string.Concat(
            name.Select(c => char.IsAsciiLetterUpper(c) ? $"-{char.ToLowerInvariant(c)}" : $"{c}")),
        400, WaitingOn.Customer, title, fix);
}

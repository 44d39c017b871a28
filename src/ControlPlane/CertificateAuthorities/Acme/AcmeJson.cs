using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlPlane.CertificateAuthorities.Acme;

// The words of a stranger: every member may be missing, unknown members are passed over.

/// <summary>Where a CA takes what (RFC 8555 §7.1.1).</summary>
internal sealed record AcmeDirectory(
    Uri? NewNonce, Uri? NewAccount, Uri? NewOrder, Uri? RevokeCert, Uri? RenewalInfo, DirectoryMeta? Meta);

internal sealed record DirectoryMeta(Uri? TermsOfService, bool ExternalAccountRequired);

internal sealed record AcmeOrder(
    string? Status,
    IReadOnlyList<Uri>? Authorizations,
    Uri? Finalize,
    Uri? Certificate,
    AcmeProblem? Error);

internal sealed record AcmeAuthorization(
    string? Status, DateTimeOffset? Expires, IReadOnlyList<AcmeChallenge>? Challenges);

internal sealed record AcmeChallenge(string? Type, Uri? Url, string? Status, string? Token, AcmeProblem? Error);

/// <summary>Why something was refused (RFC 8555 §6.7).</summary>
internal sealed record AcmeProblem(
    string? Type, string? Title, string? Detail, Uri? Instance, IReadOnlyList<AcmeProblem>? Subproblems)
{
    private const string Prefix = "urn:ietf:params:acme:error:";

    /// <summary>The type without its prefix; empty when it is not ACME's.</summary>
    public string Word => Type?.StartsWith(Prefix, StringComparison.Ordinal) == true ? Type[Prefix.Length..] : "";

    public string Sentence => $"{(Word.Length > 0 ? Word : Type)}: {Detail ?? Title}";
}

internal sealed record RenewalAnswer(
    WindowAnswer? SuggestedWindow, [property: JsonPropertyName("explanationURL")] Uri? Why);

internal sealed record WindowAnswer(DateTimeOffset Start, DateTimeOffset End);

internal sealed record NewAccountBody
{
    public bool? OnlyReturnExisting { get; init; }

    public bool? TermsOfServiceAgreed { get; init; }

    public IReadOnlyList<string>? Contact { get; init; }

    public JsonElement? ExternalAccountBinding { get; init; }
}

internal sealed record NewOrderBody(IReadOnlyList<AcmeIdentifier> Identifiers)
{
    /// <summary>Id of the certificate that this order's is to follow (RFC 9773 §5).</summary>
    public string? Replaces { get; init; }
}

internal sealed record AcmeIdentifier(string Type, string Value);

internal sealed record FinalizeBody(string Csr);

internal sealed record RevokeCertBody(string Certificate, int Reason);

/// <summary>Members in camelCase; null ones are not sent.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AcmeDirectory))]
[JsonSerializable(typeof(AcmeOrder))]
[JsonSerializable(typeof(AcmeAuthorization))]
[JsonSerializable(typeof(AcmeChallenge))]
[JsonSerializable(typeof(AcmeProblem))]
[JsonSerializable(typeof(RenewalAnswer))]
[JsonSerializable(typeof(NewAccountBody))]
[JsonSerializable(typeof(NewOrderBody))]
[JsonSerializable(typeof(FinalizeBody))]
[JsonSerializable(typeof(RevokeCertBody))]
internal sealed partial class AcmeJson : JsonSerializerContext;

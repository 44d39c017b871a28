using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlPlane.Contracts;

/// <summary>How the wire is written: camelCase, byte arrays as base64, times as RFC 3339 UTC, no reflection at run
/// time.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EnrolRequest))]
[JsonSerializable(typeof(EnrolResponse))]
[JsonSerializable(typeof(DesiredStatePage))]
[JsonSerializable(typeof(DigestRequest))]
[JsonSerializable(typeof(DigestAnswer))]
[JsonSerializable(typeof(FetchBundlesRequest))]
[JsonSerializable(typeof(FetchBundlesResponse))]
[JsonSerializable(typeof(ObservedStateReport))]
[JsonSerializable(typeof(ObservedStateReceipt))]
[JsonSerializable(typeof(AdoptionPlanRequest))]
[JsonSerializable(typeof(AdoptionPlanAnswer))]
[JsonSerializable(typeof(HandInRequest))]
[JsonSerializable(typeof(HandInAnswer))]
public sealed partial class ContractsJson : JsonSerializerContext;

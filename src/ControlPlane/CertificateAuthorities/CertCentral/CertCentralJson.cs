using System.Text.Json.Serialization;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>Bodies and answers in snake_case; null members are not sent, numbers are taken in quotes too.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowReadingFromString)]
[JsonSerializable(typeof(OrderBody))]
[JsonSerializable(typeof(ReissueBody))]
[JsonSerializable(typeof(CancelBody))]
[JsonSerializable(typeof(RevokeBody))]
[JsonSerializable(typeof(OrderPlaced))]
[JsonSerializable(typeof(OrderDetails))]
[JsonSerializable(typeof(OrderRows))]
[JsonSerializable(typeof(OrderList))]
[JsonSerializable(typeof(OrderValidation))]
[JsonSerializable(typeof(DcvChecked))]
[JsonSerializable(typeof(RandomValue))]
[JsonSerializable(typeof(CertificateChain))]
[JsonSerializable(typeof(RequestState))]
[JsonSerializable(typeof(ProductList))]
[JsonSerializable(typeof(AccountUser))]
[JsonSerializable(typeof(ErrorEnvelope))]
[JsonSerializable(typeof(string))]
internal sealed partial class CertCentralJson : JsonSerializerContext;

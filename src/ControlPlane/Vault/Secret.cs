using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlPlane.Vault;

/// <summary>
/// A text that must not be printed: a key, a password. It comes in from configuration or JSON as an ordinary string and
/// goes out through <see cref="Reveal"/> alone; logs, serializers, debuggers and string interpolation get three
/// asterisks.
/// </summary>
[TypeConverter(typeof(FromConfiguration))]
[JsonConverter(typeof(FromJson))]
[DebuggerDisplay("***")]
internal sealed class Secret(string value)
{
    private const string Printed = "***";

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly string _value = value;

    public bool IsEmpty => string.IsNullOrWhiteSpace(_value);

    /// <summary>
    /// The text itself. Call it where the text leaves for the one party it is meant for, and nowhere else.
    /// </summary>
    public string Reveal() => _value;

    public override string ToString() => Printed;

    private sealed class FromConfiguration : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
            sourceType == typeof(string);

        public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
            value is string text ? new Secret(text) : base.ConvertFrom(context, culture, value);
    }

    private sealed class FromJson : JsonConverter<Secret>
    {
        public override Secret? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } text ? new Secret(text) : null;

        public override void Write(Utf8JsonWriter writer, Secret value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Printed);
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// An id or a word, quoted or not. 0 and the empty text mean "none" to this API (<c>renewed_order_id: 0</c>) and become
/// null.
/// </summary>
internal sealed class LooseText : JsonConverter<string?>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Number => Encoding.UTF8.GetString(reader.ValueSpan),
            _ => null,
        };
        reader.Skip();
        return text is null or "" or "0" ? null : text;
    }

    public override void Write(Utf8JsonWriter writer, string? value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value);
}

/// <summary>A flag: true, 1, "1", "true" or their opposites; anything else is "not told".</summary>
internal sealed class LooseFlag : JsonConverter<bool?>
{
    public override bool HandleNull => true;

    public override bool? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        bool? flag = reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            JsonTokenType.Number => reader.TryGetInt32(out var number) ? number != 0 : null,
            JsonTokenType.String => reader.GetString() is "1" or "true" ? true
                : reader.GetString() is "0" or "false" ? false : null,
            _ => null,
        };
        reader.Skip();
        return flag;
    }

    public override void Write(Utf8JsonWriter writer, bool? value, JsonSerializerOptions options)
    {
        if (value is { } flag)
        {
            writer.WriteBooleanValue(flag);
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}

/// <summary>
/// A time or a date (then midnight UTC); anything else is "not told": no decision hangs on these alone.
/// </summary>
internal sealed class LooseTime : JsonConverter<DateTimeOffset?>
{
    public override bool HandleNull => true;

    public override DateTimeOffset? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        reader.Skip();
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time : null;
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset? value, JsonSerializerOptions options)
    {
        if (value is { } time)
        {
            writer.WriteStringValue(time);
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}

/// <summary>
/// A list, or a single member in its place, or nothing: null, <c>{}</c> or an empty text is the empty list.
/// </summary>
internal sealed class LooseList<T> : JsonConverter<IReadOnlyList<T>>
{
    public override bool HandleNull => true;

    public override IReadOnlyList<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var value = document.RootElement;
        IEnumerable<JsonElement> members = value.ValueKind switch
        {
            JsonValueKind.Array => value.EnumerateArray(),
            JsonValueKind.Object when value.EnumerateObject().Any() => [value],
            JsonValueKind.String when value.GetString() is not "" => [value],
            _ => [],
        };
        return [.. members.Select(m => (T?)m.Deserialize(options.GetTypeInfo(typeof(T)))).OfType<T>()];
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<T> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var member in value)
        {
            JsonSerializer.Serialize(writer, member, options.GetTypeInfo(typeof(T)));
        }

        writer.WriteEndArray();
    }
}

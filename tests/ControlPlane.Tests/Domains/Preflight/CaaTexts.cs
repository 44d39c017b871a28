using ControlPlane.Dns;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>CAA records as <c>flags tag value</c>, without quotes.</summary>
internal static class CaaTexts
{
    public static CaaRecord Parse(string text)
    {
        var words = text.Split(' ', 3);
        return new CaaRecord("", 1, byte.Parse(words[0]), words[1], words[2]);
    }
}

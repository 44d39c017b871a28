using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ControlPlane.SupportConsole;

/// <summary>The stylesheet, the script and the icon. They travel inside the program, and each has its own hash in its
/// address, so that browsers keep it for ever and never show an old one.</summary>
internal static class ConsoleFiles
{
    private static readonly Asset[] All =
    [
        new("console.css", "text/css; charset=utf-8"), new("console.js", "text/javascript; charset=utf-8"),
        new("icon.svg", "image/svg+xml"),
    ];

    public static string Style => All[0].Path;

    public static string Script => All[1].Path;

    public static string Icon => All[2].Path;

    public static void Map(RouteGroupBuilder console)
    {
        foreach (var asset in All)
        {
            console.MapGet(asset.Path[(ConsoleSetup.Root.Length + 1)..], FileContentHttpResult (HttpContext context) =>
            {
                context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
                return TypedResults.Bytes(asset.Bytes, asset.Type);
            }).AllowAnonymous();
        }
    }

    private sealed class Asset
    {
        public Asset(string name, string type)
        {
            using var file = typeof(ConsoleFiles).Assembly.GetManifestResourceStream($"console/{name}")
                ?? throw new InvalidOperationException($"{name} is not in the program.");
            Bytes = new byte[file.Length];
            file.ReadExactly(Bytes);
            Type = type;
            var hash = Convert.ToHexStringLower(SHA256.HashData(Bytes).AsSpan(0, 8));
            Path = $"{ConsoleSetup.Root}/assets/{hash}/{name}";
        }

        public byte[] Bytes { get; }

        public string Type { get; }

        public string Path { get; }
    }
}

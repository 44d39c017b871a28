using System.Net.Http.Json;
using System.Text.RegularExpressions;

namespace ControlPlane.Tests.Http;

public sealed partial class SecurityHeaderTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Theory]
    [InlineData("/healthz")]
    [InlineData("/swagger/index.html")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/v1/domains")]
    [InlineData("/nowhere")]
    [InlineData("/v1/domains?cursor=none")]
    public async Task Every_answer_is_closed_to_frames_guesses_caches_and_other_origins(string path)
    {
        foreach (var client in new[] { api.Anonymous, api.Admin })
        {
            using var answer = await client.GetAsync(path);
            string Header(string name) => answer.Headers.TryGetValues(name, out var values)
                ? string.Join(", ", values)
                : "";

            Assert.Equal("nosniff", Header("X-Content-Type-Options"));
            Assert.Equal("DENY", Header("X-Frame-Options"));
            Assert.Equal("no-referrer", Header("Referrer-Policy"));
            Assert.Equal("same-origin", Header("Cross-Origin-Opener-Policy"));
            Assert.Contains("frame-ancestors 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
            Assert.Contains("default-src 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
            Assert.Empty(Header("Server"));
            // HSTS over clear text is ignored by browsers, and here it would only say something untrue.
            Assert.Empty(Header("Strict-Transport-Security"));
        }
    }

    [Fact]
    public async Task An_answer_that_holds_a_secret_is_kept_by_nobody()
    {
        using var answer = await api.Admin.PostAsJsonAsync("/v1/nodes/join-codes", new { });

        Assert.True(answer.Headers.CacheControl?.NoStore);
    }

    /// <summary>The policy allows scripts in files only: a page that had one inline would stay blank.</summary>
    [Fact]
    public async Task Swagger_UI_works_under_its_policy()
    {
        using var page = await api.Anonymous.GetAsync("/swagger/index.html");
        Assert.Contains(
            "script-src 'self';", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        var html = await page.Content.ReadAsStringAsync();
        var scripts = Scripts().Matches(html);
        Assert.NotEmpty(scripts);
        foreach (Match script in scripts)
        {
            Assert.Empty(script.Groups["inline"].Value.Trim());
            var source = Source().Match(script.Groups["attributes"].Value).Groups["url"].Value;
            using var file = await api.Anonymous.GetAsync(new Uri(page.RequestMessage!.RequestUri!, source));
            Assert.True(file.IsSuccessStatusCode, source);
            Assert.Equal("nosniff", file.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Contains("javascript", file.Content.Headers.ContentType!.MediaType, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("onclick=", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("src=\"http", html, StringComparison.OrdinalIgnoreCase);
    }

    [GeneratedRegex("<script(?<attributes>[^>]*)>(?<inline>.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Scripts();

    [GeneratedRegex("src=\"(?<url>[^\"]+)\"")]
    private static partial Regex Source();
}

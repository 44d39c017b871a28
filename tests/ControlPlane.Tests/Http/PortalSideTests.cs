using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Domains;
using ControlPlane.Tests.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Http;

/// <summary>What the documents print is what the program does.</summary>
public sealed partial class PortalSideTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task The_calls_in_the_README_run_as_they_are_printed()
    {
        var readme = SourceTree.Here.Read("README.md").Text;
        var section = readme[readme.IndexOf("## From the portal's side", StringComparison.Ordinal)..];
        section = section[..section.IndexOf("\n## ", StringComparison.Ordinal)];
        var script = string.Join('\n', Shell().Matches(section).Select(block => block.Groups["script"].Value));
        Assert.Equal(
            Enumerable.Range(1, 8).Select(n => $"{n}"),
            Numbered().Matches(script).Select(call => call.Groups["number"].Value));

        var (exit, output) = await RunAsync(script);

        Assert.True(exit == 0, output);
        await using var db = api.Open();
        var domain = await db.Domains.SingleAsync(row => row.Hostname.StartsWith("portal-"));
        Assert.Equal(DomainStatus.Deleting, domain.Status);
        Assert.Equal("1.3", domain.TlsMinimum);
        Assert.Equal(["customer=4711", "plan=gold"], domain.Metadata.Select(entry => $"{entry.Key}={entry.Value}"));
        Assert.Contains("whsec_", output, StringComparison.Ordinal);
        Assert.Empty(db.Webhooks);
    }

    [Fact]
    public async Task Every_request_in_the_http_file_is_of_a_route_and_takes_what_it_is_given()
    {
        var operations = await ApiDocument.OperationsAsync(api);
        var requests = Separator().Split(SourceTree.Here.Read("src/ControlPlane/Http/requests.http").Text)
            .Select(text => Request().Match(text)).Where(request => request.Success).ToList();

        Assert.True(requests.Count > 30);
        foreach (var request in requests)
        {
            var (method, target) = (request.Groups["method"].Value, request.Groups["target"].Value.Split('?'));
            // The document does not describe itself.
            if (target[0] == "/openapi/v1.json")
            {
                continue;
            }

            var operation = operations.FirstOrDefault(known => known.Method == method && Fits(known.Path, target[0]));
            Assert.True(operation is not null, $"{method} {target[0]} is no route.");
            Assert.All(target.Skip(1).SelectMany(query => query.Split('&')), parameter => Assert.Contains(
                parameter.Split('=')[0], operation.QueryParameters));
            if (request.Groups["body"].Value.Trim() is ['{', ..] body)
            {
                Assert.True(operation.Body is not null, $"{operation} takes no body.");
                Assert.IsType<JsonObject>(JsonNode.Parse(body));
            }
        }
    }

    private static bool Fits(string template, string path)
    {
        var (wanted, given) = (template.Split('/'), path.Split('/'));
        return wanted.Length == given.Length
            && wanted.Zip(given).All(part => part.First == part.Second || part.First.StartsWith('{'));
    }

    /// <summary>By bash, against this program, beside a file with a portal's key.</summary>
    private async Task<(int Exit, string Output)> RunAsync(string script)
    {
        var folder = Directory.CreateTempSubdirectory("cp-portal-").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, ".local"));
            await File.WriteAllTextAsync(
                Path.Combine(folder, ".local", "api-key"), api.Acme.DefaultRequestHeaders.Authorization!.Parameter);
            await File.WriteAllTextAsync(
                Path.Combine(folder, "calls.sh"),
                "set -euo pipefail\nexec 2>&1\n" + script
                    // A public name: what ends in example is for the local fleet alone.
                    .Replace("customers.example", "customers.example.com", StringComparison.Ordinal)
                    .Replace(
                        "http://127.0.0.1:5080", api.Anonymous.BaseAddress!.GetLeftPart(UriPartial.Authority),
                        StringComparison.Ordinal));
            using var bash = Process.Start(new ProcessStartInfo("bash", "calls.sh")
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            })!;
            var output = await bash.StandardOutput.ReadToEndAsync();
            await bash.WaitForExitAsync();
            return (bash.ExitCode, output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex("```sh\n(?<script>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Shell();

    [GeneratedRegex(@"^# (?<number>\d+)\. ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Numbered();

    [GeneratedRegex("^###.*$", RegexOptions.Multiline)]
    private static partial Regex Separator();

    [GeneratedRegex(
        @"^(?<method>GET|POST|PUT|PATCH|DELETE) \{\{api\}\}(?<target>\S+)(?<headers>(\n\S[^\n]*)*)(\n\n(?<body>.*))?",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Request();
}

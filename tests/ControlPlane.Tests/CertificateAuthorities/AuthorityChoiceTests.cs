using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Http;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.CertificateAuthorities;

/// <summary>Who says which CA a domain's certificates come from, as the API takes and shows it.</summary>
public sealed class AuthorityChoiceTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_domain_names_its_ca_and_changes_or_drops_it()
    {
        var made = await ReadAsync(await api.Acme.PostAsJsonAsync(
            "/v1/domains", new { hostname = "chooser.example.com", certificateAuthority = "letsencrypt" }));
        Assert.Equal("letsencrypt", Chosen(made));
        Assert.Null(made["certificate"]!["authority"]);

        var path = $"/v1/domains/{made["id"]}";
        var patched = await api.Acme.PatchAsync(path, JsonContent.Create(new { certificateAuthority = "certcentral" }));
        Assert.Equal("certcentral", Chosen(await ReadAsync(patched)));
        await api.Acme.PatchAsync(path, JsonContent.Create(new { metadata = new { a = "b" } }));
        Assert.Equal("certcentral", Chosen(await ReadAsync(await api.Acme.GetAsync(path))));
        await api.Acme.PatchAsync(path, JsonContent.Create(new { certificateAuthority = (string?)null }));
        Assert.Null(Chosen(await ReadAsync(await api.Acme.GetAsync(path))));

        var told = (await ReadAsync(await api.Acme.GetAsync($"{path}/events")))["items"]!.AsArray();
        Assert.Equal(
            ["""["certificateAuthority"]""", """["metadata"]""", """["certificateAuthority"]"""],
            told.Where(one => one!["type"]!.ToString() == "domain.updated")
                .Select(one => one!["data"]!["changed"]!.ToJsonString()));
    }

    [Fact]
    public async Task A_tenant_names_the_ca_of_its_domains_that_name_none()
    {
        var tenant = await ReadAsync(await api.Admin.PostAsJsonAsync(
            "/v1/tenants", new { name = "initech", certificateAuthority = "letsencrypt" }));
        Assert.Equal("letsencrypt", Chosen(tenant));

        const string Path = "/v1/tenants/initech/certificate-authority";
        Assert.Equal("certcentral", Chosen(await ReadAsync(
            await api.Admin.PutAsJsonAsync(Path, new { certificateAuthority = "certcentral" }))));
        Assert.Null(Chosen(await ReadAsync(await api.Admin.PutAsJsonAsync(Path, new { }))));
    }

    [Fact]
    public async Task A_ca_that_is_not_configured_is_refused_with_the_names_of_those_that_are()
    {
        var body = new { name = "umbrella", hostname = "typo.example.com", certificateAuthority = "letsencrpyt" };
        var answers = new[]
        {
            await api.Acme.PostAsJsonAsync("/v1/domains", new { body.hostname, body.certificateAuthority }),
            await api.Admin.PostAsJsonAsync("/v1/tenants", new { body.name, body.certificateAuthority }),
            await api.Admin.PutAsJsonAsync(
                "/v1/tenants/acme/certificate-authority", new { body.certificateAuthority }),
        };

        foreach (var answer in answers)
        {
            var problem = await ProblemAsync(answer, 400, "invalid-field");
            Assert.Contains(
                "certificateAuthority must be one of certcentral, letsencrypt.", problem.ToJsonString(),
                StringComparison.Ordinal);
        }
    }

    private static string? Chosen(JsonNode view) => view["certificateAuthority"]?.ToString();
}

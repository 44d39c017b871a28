using System.Net;
using CertCentralSandbox.Tests.Harness;
using ControlPlane.Dns;
using Microsoft.AspNetCore.Http;

namespace CertCentralSandbox.Tests.Validation;

public sealed class TokenFetchTests
{
    private const string Name = "token.customer.test";

    [Fact]
    public async Task Every_perspective_fetches_with_a_documented_user_agent_and_the_bare_Host()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.IssueAsync(Name);

        var seen = sandbox.Web.Seen.ToArray();
        Assert.Equal(["1", "2", "3", "4"], seen.Select(s => s.Perspective).Order());
        Assert.All(seen, s => Assert.Equal(Name, s.Host));
        Assert.Equal(
            ["DigiCert DCV Bot/1.1", "DigiCert DCV/1.1"], seen.Select(s => s.UserAgent).Distinct().Order());
    }

    [Theory]
    [InlineData("{0}", true)]
    [InlineData("\uFEFF{0}\r\n", true)]
    [InlineData("  {0}  ", true)]
    [InlineData("{0}x", false)]
    [InlineData("other {0}", false)]
    [InlineData("", false)]
    public async Task A_file_passes_when_it_equals_the_value_after_trimming(string content, bool passes)
    {
        await using var sandbox = await Sandbox.StartAsync();
        Assert.Equal(passes, await PassesAsync(sandbox, token => http =>
            http.Response.WriteAsync(content.Replace("{0}", token, StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData(301, $"http://www.{Name}/elsewhere", true)]
    [InlineData(302, "/elsewhere", true)]
    [InlineData(303, "/elsewhere", false)]
    [InlineData(308, "http://other.example/elsewhere", false)]
    [InlineData(307, $"http://{Name}:8080/elsewhere", false)]
    public async Task One_redirect_is_followed_within_the_domain_and_the_two_ports(int status, string to, bool passes)
    {
        await using var sandbox = await Sandbox.StartAsync();
        sandbox.Resolve("www." + Name);
        Assert.Equal(passes, await PassesAsync(sandbox, token => http =>
        {
            if (http.Request.Query.ContainsKey("again") || !to.EndsWith("elsewhere", StringComparison.Ordinal))
            {
                return http.Response.WriteAsync(token);
            }

            sandbox.Web.Publish("www." + Name, token);
            http.Response.StatusCode = status;
            http.Response.Headers.Location = to.Replace(
                "/elsewhere", CertCentralSandbox.Validation.TokenFetch.Path + "?again=1", StringComparison.Ordinal);
            return Task.CompletedTask;
        }));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(503)]
    [InlineData(401)]
    public async Task Only_2xx_passes(int status)
    {
        await using var sandbox = await Sandbox.StartAsync();
        Assert.False(await PassesAsync(sandbox, token => http =>
        {
            http.Response.StatusCode = status;
            return http.Response.WriteAsync(token);
        }));
    }

    [Fact]
    public async Task A_name_is_found_through_its_CNAME()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, token) = await sandbox.OrderAsync(Name);
        sandbox.Names.Set(Name, new CnameRecord(Name, 60, "edge.saas.test"));
        sandbox.Names.Set("edge.saas.test", new AddressRecord("edge.saas.test", 60, IPAddress.Loopback));
        sandbox.Web.Publish(Name, token);

        Assert.Equal(200, (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).Status);
    }

    [Fact]
    public async Task A_name_that_does_not_resolve_stays_open_and_validation_names_the_culprit()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, token) = await sandbox.OrderAsync(Name, "missing.customer.test");
        sandbox.Prove(token, Name);

        var answer = await sandbox.PutAsync($"order/certificate/{id}/check-dcv");
        var names = (await sandbox.GetAsync($"order/certificate/{id}/validation"))["dns_name_validations"];

        Assert.Equal((400, "file_random_value_not_found"), (answer.Status, answer.Code));
        Assert.Equal(
            ["approved", "pending"], names.EnumerateArray().Select(n => n.GetProperty("status").GetString()));
        var one = await sandbox.PutAsync(
            $"order/certificate/{id}/check-dcv", new { dns_names_validations = new[] { Name } });
        Assert.Equal((200, "pending"), (one.Status, one.String("order_status")));
    }

    [Theory]
    [InlineData("dns-txt-token")]
    [InlineData("dns-cname-token")]
    public async Task The_DNS_methods_look_at_the_DNS(string method)
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, token) = await sandbox.OrderAsync(Name);
        var changed = await sandbox.PutAsync($"order/certificate/{id}/dcv-method", new { dcv_method = method });
        Assert.Equal(200, changed.Status);
        Assert.Equal("pending", (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).String("order_status"));

        sandbox.Names.Set(Name, new TxtRecord(Name, 60, [token]));
        var alias = $"_{token}.{Name}";
        sandbox.Names.Set(alias, new CnameRecord(alias, 60, "dcv.digicert.com"));

        Assert.Equal("issued", (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).String("order_status"));
    }

    private static async Task<bool> PassesAsync(Sandbox sandbox, Func<string, RequestDelegate> answer)
    {
        var (id, _, token) = await sandbox.OrderAsync(Name);
        sandbox.Resolve(Name);
        sandbox.Web.Answer(Name, answer(token));
        return (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).Status == 200;
    }
}

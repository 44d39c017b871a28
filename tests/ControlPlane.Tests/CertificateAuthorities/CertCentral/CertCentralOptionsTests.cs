using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.CertCentral;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

public sealed class CertCentralOptionsTests
{
    [Fact]
    public void A_real_account_needs_its_key_and_nothing_else()
    {
        var options = Read(("ApiKey", "k"));

        Assert.Equal("https://www.digicert.com/services/v2/", options.BaseUrl.ToString());
        Assert.Equal("ssl_dv_geotrust", options.Product);
        Assert.Equal([10, 60, 180, 300], options.LookupSchedule.Select(w => w.TotalSeconds));
        Assert.Equal("k", options.ApiKey.Reveal());
    }

    [Fact]
    public void A_configured_schedule_replaces_the_default_one()
    {
        var options = Read(
            ("ApiKey", "k"), ("LookupSchedule:0", "00:00:01"), ("LookupSchedule:1", "00:00:02"),
            ("ReadRetryWaits:0", "00:00:00"));

        Assert.Equal([1, 2], options.LookupSchedule.Select(w => w.TotalSeconds));
        Assert.Equal([0], options.ReadRetryWaits.Select(w => w.TotalSeconds));
    }

    [Theory]
    [InlineData("ApiKey", "")]
    [InlineData("BaseUrl", "http://ca.example/services/v2")]
    [InlineData("Product", " ")]
    [InlineData("OrderValidityYears", "0")]
    [InlineData("CertificateValidityDays", "200")]
    [InlineData("HttpTimeout", "00:00:00")]
    public void Settings_that_can_not_work_are_refused_by_name(string name, string value)
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => Read(("ApiKey", "k"), (name, value)));

        Assert.Contains(name == "HttpTimeout" ? "times" : name, refusal.Message);
    }

    [Fact]
    public void Plain_http_is_taken_on_loopback_for_the_sandbox() =>
        Assert.True(Read(("ApiKey", "k"), ("BaseUrl", "http://127.0.0.1:5090/services/v2")).BaseUrl.IsLoopback);

    [Fact]
    public async Task The_setup_gives_a_certificate_authority()
    {
        await using var services = new ServiceCollection().AddLogging().AddMetrics()
            .AddSingleton(TimeProvider.System).AddSingleton<ICallBudget, RecordingBudget>()
            .AddCertCentral(Configuration(("ApiKey", "k"))).BuildServiceProvider();

        Assert.Equal("certcentral", services.GetRequiredKeyedService<ICertificateAuthority>("certcentral").Name);
    }

    private static CertCentralOptions Read(params (string Name, string Value)[] settings) =>
        CertCentralSetup.Read(Configuration(settings));

    private static IConfiguration Configuration(params (string Name, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.GroupBy(s => s.Name)
            .Select(g => KeyValuePair.Create($"CertCentral:{g.Key}", (string?)g.Last().Value))).Build();
}

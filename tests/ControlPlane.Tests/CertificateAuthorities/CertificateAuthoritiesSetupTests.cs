using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.CertificateAuthorities.CertCentral;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.CertificateAuthorities;

public sealed class CertificateAuthoritiesSetupTests
{
    private const string Section = "CertificateAuthorities:Acme:letsencrypt";

    private static readonly (string, string)[] LetsEncrypt =
    [
        ($"{Section}:Directory", "https://acme.example/dir"), ($"{Section}:AgreeToTermsOfService", "true"),
        ($"{Section}:CaaIdentities:0", "letsencrypt.org"), ($"{Section}:OrdersPerHour", "7"),
    ];

    [Fact]
    public void Several_cas_live_side_by_side_and_one_setting_chooses()
    {
        var services = Built(
            [.. LetsEncrypt, ("CertCentral:ApiKey", "key"), ("CertificateAuthorities:Default", "letsencrypt")]);

        var known = services.Where(service => service.ServiceType == typeof(ICertificateAuthority));
        Assert.Equal(["certcentral", "letsencrypt"], known.Select(service => service.ServiceKey).Order());
    }

    [Fact]
    public void Certcentral_needs_no_key_where_another_ca_is_chosen_and_one_where_it_is_not()
    {
        var services = Built([.. LetsEncrypt, ("CertificateAuthorities:Default", "letsencrypt")]);
        var known = services.Where(service => service.ServiceType == typeof(ICertificateAuthority));
        Assert.Equal(["letsencrypt"], known.Select(service => service.ServiceKey));
        Assert.Single(services, service => service.ServiceType == typeof(CertCentralOptions));

        var fault = Assert.Throws<InvalidOperationException>(() => Built(LetsEncrypt));
        Assert.Contains("CertCentral:ApiKey", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CertificateAuthorities:Default")]
    [InlineData("CertificateAuthorities:Failover:0")]
    public void A_choice_that_is_not_configured_ends_the_start(string setting) =>
        Assert.Throws<InvalidOperationException>(
            () => Built([.. LetsEncrypt, ("CertCentral:ApiKey", "key"), (setting, "letsencrpyt")]));

    [Theory]
    [InlineData("FailoverFailures", "0")]
    [InlineData("FailoverAfter", "-00:01:00")]
    [InlineData("FailoverQuotaPatience", "-00:01:00")]
    [InlineData("FailoversPerHour", "-1")]
    [InlineData("FailoversPerDay", "-1")]
    public void A_bound_of_failover_that_is_none_ends_the_start(string setting, string value)
    {
        var fault = Assert.Throws<InvalidOperationException>(() => Built(
            [.. LetsEncrypt, ("CertCentral:ApiKey", "key"), ($"CertificateAuthorities:{setting}", value)]));

        Assert.Contains(setting, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Directory", "http://acme.example/dir", "https")]
    [InlineData("AgreeToTermsOfService", "false", "consent")]
    [InlineData("EabKeyId", "kid", "belong together")]
    [InlineData("Contacts:0", "tls@example.com", "mailto:")]
    [InlineData("CallsPerSecond", "0", "1 or more")]
    [InlineData("HttpTimeout", "00:00:00", "greater than zero")]
    public void What_cannot_be_used_is_told(string setting, string value, string expected)
    {
        var fault = Assert.Throws<InvalidOperationException>(
            () => AcmeSetup.Read(Configuration([.. LetsEncrypt, ($"{Section}:{setting}", value)])));

        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_become_budgets_and_lists_replace_the_defaults()
    {
        var options = Assert.Single(AcmeSetup.Read(Configuration(
            [.. LetsEncrypt, ($"{Section}:ValidatorAgents:0", "Another validator")])));

        Assert.Equal("letsencrypt", options.Name);
        Assert.Equal(new CallWindows(60, 7, 3600, 7), options.Orders);
        Assert.Equal(new CallWindows(5, 50, 60, 600), options.Calls);
        Assert.Equal(["Another validator"], options.ValidatorAgents);
        Assert.Equal(["letsencrypt.org"], options.CaaIdentities);
    }

    private static IServiceCollection Built((string, string)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddConfiguration(Configuration(settings));
        builder.AddCertificateAuthorities();
        return builder.Services;
    }

    private static IConfiguration Configuration((string Name, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.GroupBy(setting => setting.Name)
            .Select(group => KeyValuePair.Create(group.Key, (string?)group.Last().Value))).Build();
}

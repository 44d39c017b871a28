using System.ComponentModel;
using System.Text.Json;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Vault;

public sealed class SecretTests
{
    private sealed record Holder(string Name, Secret Key);

    [Fact]
    public void A_secret_is_printed_by_nobody()
    {
        var holder = new Holder("account", new Secret("canary"));

        Assert.DoesNotContain("canary", $"{holder} {holder.Key} {JsonSerializer.Serialize(holder)}");
        Assert.Equal("canary", holder.Key.Reveal());
    }

    [Fact]
    public void A_secret_comes_in_as_a_string()
    {
        Assert.Equal("canary", JsonSerializer.Deserialize<Secret>("\"canary\"")!.Reveal());
        Assert.Equal("canary", ((Secret)TypeDescriptor.GetConverter(typeof(Secret)).ConvertFrom("canary")!).Reveal());
    }
}

using System.Security.Cryptography;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using ControlPlane.Vault.Branches;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Vault.Branches;

/// <summary>The real AWS SDK against a stand-in of KMS's JSON protocol.</summary>
public sealed class AwsKmsTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_fleets_first_sync_costs_a_handful_of_calls_and_not_one_per_bundle()
    {
        await using var bench = await PathBench.StartAsync(database);
        await using var kms = await StandInKms.StartAsync();
        using var sealing = Branched(kms.Key());
        bench.Kek.Now = sealing;
        List<Guid> ids = [];
        using var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);
        for (var n = 0; n < 500; n++)
        {
            ids.Add(await bench.Vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default));
        }

        Assert.Equal(["GenerateDataKey", "Decrypt"], kms.Calls);
        kms.Calls.Clear();
        // Another replica, which has opened nothing yet, is asked for everything at once.
        using var releasing = Branched(kms.Key());
        bench.Kek.Now = releasing;
        await Parallel.ForEachAsync(ids, async (id, ct) =>
        {
            using var opened = await bench.Vault.OpenAsync(id, ct);
            Assert.Equal(made.Key.PublicKeyHash, opened.PublicKeyHash);
        });

        Assert.Equal(["Decrypt"], kms.Calls);
        Assert.Equal(
            500, await bench.ValueAsync<int>(
                $"""
                 SELECT count(*)::int AS "Value" FROM vault_keys WHERE kek_id = {"aws-kms:" + StandInKms.Arn}
                 """));
    }

    [Fact]
    public async Task Every_call_says_what_it_is_for_and_KMS_opens_it_for_nothing_else()
    {
        await using var kms = await StandInKms.StartAsync();
        using var root = AwsKmsKey.From(kms.Key());

        var (key, sealedKey) = await root.CreateAsync(default);

        Assert.Equal(key, await root.OpenAsync(sealedKey, default));
        Assert.All(kms.Contexts, context =>
            Assert.Equal("vault-branch-key", context["controlplane:purpose"]!.ToString()));
        using var other = AwsKmsKey.From(kms.Key(StandInKms.OtherArn));
        await Assert.ThrowsAsync<VaultException>(() => other.OpenAsync(sealedKey, default));
    }

    [Fact]
    public async Task A_throttled_call_is_tried_again_and_a_KMS_that_stays_so_is_away()
    {
        await using var kms = await StandInKms.StartAsync();
        using var key = Branched(kms.Key());
        kms.Throttle(1);
        var wrapped = await key.WrapAsync(new byte[32], default);
        Assert.Equal(["GenerateDataKey", "GenerateDataKey", "Decrypt"], kms.Calls);

        using var cold = Branched(kms.Key());
        kms.Throttle(100);
        var fault = await Assert.ThrowsAsync<VaultException>(() => cold.UnwrapAsync(cold.Id, wrapped, default));
        Assert.True(fault.IsAway);
        Assert.Contains("Throttling", fault.Message, StringComparison.Ordinal);
        kms.Throttle(0);
        Assert.Equal(new byte[32], await cold.UnwrapAsync(cold.Id, wrapped, default));
    }

    [Theory]
    [InlineData("arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000", "NotFoundException")]
    [InlineData("disabled", "DisabledException")]
    [InlineData("a stranger", "UnrecognizedClientException")]
    public async Task A_key_that_KMS_refuses_ends_the_start(string wrong, string said)
    {
        await using var kms = await StandInKms.StartAsync();
        kms.Disabled[StandInKms.OtherArn] = true;
        var options = wrong switch
        {
            "disabled" => kms.Key(StandInKms.OtherArn),
            "a stranger" => kms.Key(accessKeyId: "AKIAWRONG"),
            _ => kms.Key(wrong),
        };
        using var ring = KeyRing.Load(new VaultOptions { Keys = [options] });

        var fault = await Assert.ThrowsAsync<VaultException>(() => Proof(ring).StartAsync(default));

        Assert.False(fault.IsAway);
        Assert.Contains(said, fault.Message, StringComparison.Ordinal);
        Assert.Single(kms.Calls);
    }

    [Fact]
    public async Task A_KMS_that_is_away_lets_the_program_start_without_it()
    {
        var kms = await StandInKms.StartAsync();
        var options = kms.Key();
        await kms.DisposeAsync();
        using var ring = KeyRing.Load(new VaultOptions { Keys = [options] });

        await Proof(ring).StartAsync(default);

        Assert.True((await Assert.ThrowsAsync<VaultException>(() => ring.WrapAsync(new byte[32], default))).IsAway);
    }

    [Fact]
    public async Task The_stand_in_keeps_a_blob_to_its_key_and_context()
    {
        await using var kms = await StandInKms.StartAsync();
        using var root = AwsKmsKey.From(kms.Key());
        var (_, sealedKey) = await root.CreateAsync(default);
        sealedKey[^1] ^= 1;

        var fault = await Assert.ThrowsAsync<VaultException>(() => root.OpenAsync(sealedKey, default));

        Assert.Contains("InvalidCiphertextException", fault.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<VaultException>(
            () => root.OpenAsync(RandomNumberGenerator.GetBytes(64), default));
    }

    private static BranchedKey Branched(KeyOptions options) => new(AwsKmsKey.From(options), TimeProvider.System);

    private static KeyRingProof Proof(KeyRing ring) => new(ring, NullLogger<KeyRingProof>.Instance);
}

using System.Security.Cryptography;
using ControlPlane.Contracts;

namespace ControlPlane.Tests.Contracts;

public sealed class StateDigestTests
{
    private static readonly (Guid Domain, long Revision, string Fingerprint)[] Rows =
        [.. Enumerable.Range(1, 500).Select(n => (
            Guid.CreateVersion7(), (long)n, Convert.ToHexStringLower(SHA256.HashData(BitConverter.GetBytes(n)))))];

    [Fact]
    public void The_order_of_the_rows_does_not_matter()
    {
        Assert.Equal(Of(Rows).ToBytes(), Of(Rows.Reverse()).ToBytes());
        Assert.Empty(Of(Rows).Differing(Of(Rows.Reverse()).ToBytes()));
    }

    [Fact]
    public void What_is_added_and_taken_out_leaves_no_trace()
    {
        var digest = Of(Rows[..100]);
        foreach (var row in Rows[100..].Concat(Rows[100..]))
        {
            digest.Toggle(row.Domain, row.Revision, row.Fingerprint);
        }

        Assert.Equal(Of(Rows[..100]).ToBytes(), digest.ToBytes());
        Assert.NotEqual(new StateDigest().ToBytes(), digest.ToBytes());
    }

    [Fact]
    public void A_row_more_or_another_revision_or_fingerprint_shows_in_the_bucket_of_its_domain_alone()
    {
        var (domain, revision, fingerprint) = Rows[7];
        var others = Rows.Where(row => row.Domain != domain).ToArray();
        (Guid, long, string)[][] table =
        [
            others,
            [.. others, (domain, revision + 1, fingerprint)],
            [.. others, (domain, revision, Rows[8].Fingerprint)],
        ];
        foreach (var changed in table)
        {
            Assert.Equal([StateDigest.BucketOf(domain)], Of(changed).Differing(Of(Rows).ToBytes()));
        }
    }

    /// <summary>Agents from before it was known hash three things, and must agree on what is not asked for.</summary>
    [Fact]
    public void The_lowest_TLS_shows_where_it_is_said_and_changes_nothing_where_it_is_not()
    {
        var (domain, revision, fingerprint) = Rows[7];
        var (without, silent, strict) = (new StateDigest(), new StateDigest(), new StateDigest());
        without.Toggle(domain, revision, fingerprint);
        silent.Toggle(domain, revision, fingerprint, TlsVersions.OnWire(TlsVersions.Default));
        strict.Toggle(domain, revision, fingerprint, TlsVersions.OnWire(TlsVersions.Tls13));

        Assert.Equal(without.ToBytes(), silent.ToBytes());
        Assert.Equal([StateDigest.BucketOf(domain)], strict.Differing(without.ToBytes()));
    }

    [Fact]
    public void Differing_buckets_come_lowest_first()
    {
        var differing = Of(Rows).Differing(new StateDigest().ToBytes());

        Assert.Equal(Rows.Select(row => StateDigest.BucketOf(row.Domain)).Distinct().Order(), differing);
    }

    [Theory]
    [InlineData("00000000-0000-0000-0000-000000000000", 0)]
    [InlineData("ffffffff-ffff-ffff-ffff-ffffffffffff", 4095)]
    [InlineData("019cadc6-0a28-7c44-b1d2-6f7a8b9c0d1e", 0xd1e)]
    public void The_bucket_is_the_last_twelve_bits_of_the_id(string domain, int bucket) =>
        Assert.Equal(bucket, StateDigest.BucketOf(Guid.Parse(domain)));

    [Fact]
    public void A_digest_of_another_length_and_a_fingerprint_that_is_none_are_refused()
    {
        foreach (var length in new[] { 0, 1, (StateDigest.Buckets * StateDigest.BytesPerBucket) - 1 })
        {
            Assert.Throws<ArgumentException>(() => new StateDigest().Differing(new byte[length]));
        }

        foreach (var text in new[] { "", "abc", new string('g', 64), new string('a', 66) })
        {
            Assert.Throws<FormatException>(() => new StateDigest().Toggle(Guid.Empty, 1, text));
        }
    }

    private static StateDigest Of(IEnumerable<(Guid Domain, long Revision, string Fingerprint)> rows)
    {
        var digest = new StateDigest();
        foreach (var (domain, revision, fingerprint) in rows)
        {
            digest.Toggle(domain, revision, fingerprint);
        }

        return digest;
    }
}

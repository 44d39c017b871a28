using System.Text.RegularExpressions;
using ControlPlane.Contracts;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Http;

/// <summary>The limits that are written down are those that hold.</summary>
public sealed partial class LimitsTableTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public void The_README_shows_the_limits_as_they_are()
    {
        var lines = SourceTree.Here.Read("README.md").Lines;
        Assert.All(LimitsTable.Rows, row => Assert.Contains($"{row}", lines));
        var start = lines.Index().Single(line => line.Item.StartsWith("| Limit |", StringComparison.Ordinal)).Index;
        var shown = lines.Skip(start + 2).TakeWhile(line => line.StartsWith('|'));
        Assert.Equal(LimitsTable.Rows.Select(row => $"{row}"), shown);
    }

    [Fact]
    public void The_server_has_the_limits_that_are_written_down()
    {
        var server = api.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value;
        Assert.False(server.AddServerHeader);
        Assert.Equal(Limits.MaxBodyBytes, server.Limits.MaxRequestBodySize);
        Assert.Equal(Limits.MaxRequestLineBytes, server.Limits.MaxRequestLineSize);
        Assert.Equal(Limits.MaxHeadersBytes, server.Limits.MaxRequestHeadersTotalSize);
        Assert.Equal(Limits.MaxHeaders, server.Limits.MaxRequestHeaderCount);
        Assert.Equal(Limits.HeadersTimeout, server.Limits.RequestHeadersTimeout);
        Assert.Equal(Limits.KeepAliveTimeout, server.Limits.KeepAliveTimeout);
        Assert.Equal(Limits.MinBytesPerSecond, server.Limits.MinRequestBodyDataRate!.BytesPerSecond);
        Assert.Equal(Limits.MinBytesPerSecond, server.Limits.MinResponseDataRate!.BytesPerSecond);
        Assert.Equal(Limits.SlowGrace, server.Limits.MinRequestBodyDataRate.GracePeriod);
        Assert.Equal(Limits.MaxConnections, server.Limits.MaxConcurrentConnections);
        Assert.Equal(0, server.Limits.MaxConcurrentUpgradedConnections);
        Assert.Equal(Limits.MaxStreams, server.Limits.Http2.MaxStreamsPerConnection);
        Assert.Equal(Limits.StreamWindowBytes, server.Limits.Http2.InitialStreamWindowSize);
        Assert.Equal(Limits.ConnectionWindowBytes, server.Limits.Http2.InitialConnectionWindowSize);
        Assert.Equal(
            Limits.RequestTimeout,
            api.Services.GetRequiredService<IOptions<RequestTimeoutOptions>>().Value.DefaultPolicy!.Timeout);
        Assert.True(Limits.RequestTimeout > TimeSpan.FromSeconds(Routes.MaxWaitSeconds));
        Assert.True(Limits.KeepAliveTimeout > TimeSpan.FromSeconds(Routes.MaxWaitSeconds));
    }

    /// <summary>A backtracking expression over what a caller sends can be made to run for minutes.</summary>
    [Fact]
    public void Every_regular_expression_of_the_product_is_linear_in_time()
    {
        var uses = (from file in SourceTree.Here.Product
                    from match in RegexUses().Matches(file.Text)
                    let statement = file.Text[match.Index..(file.Text.IndexOf(';', match.Index) + 1)]
                    select (Place: $"{file.Path}:{file.LineOf(match.Index)}", Statement: statement)).ToList();
        Assert.True(uses.Count > 3);
        Assert.Empty(uses
            .Where(use => !use.Statement.Contains("RegexOptions.NonBacktracking", StringComparison.Ordinal))
            .Select(use => use.Place));
    }

    /// <summary>Everything that makes one: the attribute, the constructor, the static calls, a validator's pattern and
    /// a route's constraint.</summary>
    [GeneratedRegex(
        @"\[GeneratedRegex\(|\bnew Regex\(|\bRegex\.(?:IsMatch|Match|Matches|Replace|Split|Count)\(|\.Matches\(@?""|"
        + @"\[RegularExpression\(|:regex\(")]
    private static partial Regex RegexUses();
}

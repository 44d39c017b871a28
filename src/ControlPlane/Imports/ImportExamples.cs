using ControlPlane.Http;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Imports;

/// <summary>The file of the customer whom all examples tell of.</summary>
internal static class ImportExamples
{
    public const string Csv = "hostname,keyAlgorithm\nshop.example.com,\nold.example.com,rsa2048\n";

    public const string Lines =
        "{\"hostname\":\"shop.example.com\"}\n{\"hostname\":\"old.example.com\",\"keyAlgorithm\":\"rsa2048\"}\n";

    public static readonly ImportView Running = new(
        Guid.Parse("019cadc9-3d40-7e33-8f50-6b7c8d9e0f1a"), ImportStatus.Running, 3_000, 1_200, 0, 2, 0, 1_798, 340,
        Examples.At, null);

    public static readonly ImportView Done = Running with
    {
        Status = ImportStatus.Done,
        Registered = 2_998,
        Pending = 0,
        Active = 2_998,
        FinishedAt = Examples.At.AddSeconds(20),
    };

    public static readonly ImportView Canceled = Running with
    {
        Status = ImportStatus.Canceled,
        Canceled = 1_798,
        Pending = 0,
        FinishedAt = Examples.At.AddSeconds(8),
    };

    public static readonly ImportRowView Taken = new(
        2, "shop.example.com", ImportOutcome.Registered, Examples.Registered.Id, null, null);

    public static readonly ImportRowView Refused = new(
        17, "SHOP.example.com", ImportOutcome.Refused, null, null, RowProblem.Of(
            HostnameProblems.UpperCase.With(fix: "Send shop.example.com")));
}

using System.Text.Json;
using ControlPlane.Contracts;
using SyncAgent.Local;

namespace SyncAgent.ControlPlaneApi;

/// <summary>What the node says about itself when it joins.</summary>
internal sealed record EnrolmentOptions(string JoinCode, string Name, string HttpEndpoint)
{
    /// <summary>Prints no join code.</summary>
    public override string ToString() => $"enrolment of {Name} at {HttpEndpoint}";
}

/// <summary>Joins a fleet once: makes the keys, posts their public halves, keeps the answer.</summary>
internal static class Enrolment
{
    /// <summary>Enrolment writes one row; a minute covers a control plane that is just starting behind a
    /// proxy.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <exception cref="ApiUnavailableException">The API refused the code or could not be asked; the same keys are
    /// offered next time.</exception>
    public static async Task<NodeIdentity> Enrol(
        HttpClient http, StateDirectory state, EnrolmentOptions options, TimeProvider time, CancellationToken cancel)
    {
        var (signing, sealing) = NodeIdentity.LoadOrMakeKeys(state);
        var request = new EnrolRequest(
            options.JoinCode,
            options.Name,
            signing.ExportSubjectPublicKeyInfo(),
            sealing.ExportSubjectPublicKeyInfo(),
            options.HttpEndpoint,
            AgentVersion.Text);
        using var timer = new CancellationTokenSource(Limit, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel, timer.Token);
        try
        {
            using var response = await http.PostAsJsonAsync(
                Routes.Enrol, request, ContractsJson.Default.EnrolRequest, deadline.Token);
            if (!response.IsSuccessStatusCode)
            {
                throw new ApiUnavailableException(
                    $"The control plane refused to enrol {options.Name}: {(int)response.StatusCode}. "
                    + await Reason(response, deadline.Token),
                    response.Headers.RetryAfter?.Delta,
                    isRefusal: (int)response.StatusCode is >= 400 and < 500 and not 408 and not 429);
            }

            var answer = await response.Content.ReadFromJsonAsync(ContractsJson.Default.EnrolResponse, deadline.Token)
                ?? throw new ApiUnavailableException("The control plane answered null to the enrolment.");
            return NodeIdentity.Save(
                state, new NodeCard(answer.Node, answer.Fleet, answer.FleetName, options.Name), signing, sealing);
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException
            || (failure is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            throw new ApiUnavailableException(
                $"The control plane could not be asked to enrol: {failure.Message}", cause: failure);
        }
    }

    /// <summary>The problem's own words; they never repeat the join code.</summary>
    private static async Task<string> Reason(HttpResponseMessage response, CancellationToken cancel)
    {
        var text = await response.Content.ReadAsStringAsync(cancel);
        try
        {
            using var problem = JsonDocument.Parse(text);
            return problem.RootElement.TryGetProperty("detail", out var detail) ? detail.GetString() ?? "" : "";
        }
        catch (JsonException)
        {
            return "It gave no reason.";
        }
    }
}

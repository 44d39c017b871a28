using System.Net.Http.Headers;
using ControlPlane.Database;
using Microsoft.AspNetCore.Mvc.Testing;

namespace ControlPlane.Tests.Http;

/// <summary>Another replica of the program over a fixture's database.</summary>
internal sealed class ApiReplica : IAsyncDisposable
{
    private readonly WebApplicationFactory<ControlPlaneDb> _app;
    private readonly HttpClient _http;

    public ApiReplica(ApiFixture first)
    {
        _app = first.Start();
        _http = _app.CreateClient();
    }

    public async Task<HttpResponseMessage> GetAsync(string path, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await _http.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }
}

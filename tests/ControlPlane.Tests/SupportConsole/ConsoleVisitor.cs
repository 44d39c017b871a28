using System.Net;
using ControlPlane.Http.Access;
using ControlPlane.Tests.Http;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>A browser as far as HTTP goes: keeps cookies, follows redirections when it is told to, and says where its
/// forms come from.</summary>
internal sealed class ConsoleVisitor : IDisposable
{
    private readonly CookieContainer _cookies = new();
    private readonly HttpClient _http;

    public ConsoleVisitor(Uri address) => _http = new HttpClient(
        new SocketsHttpHandler { CookieContainer = _cookies, AllowAutoRedirect = false })
    {
        BaseAddress = address,
    };

    /// <summary>The session's cookie; null without one.</summary>
    public Cookie? Session =>
        _cookies.GetCookies(new Uri(_http.BaseAddress!, "/console")).FirstOrDefault(cookie => cookie.Value != "");

    /// <summary>Of the pages it visits.</summary>
    public string Origin => _http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    public static ConsoleVisitor At(ApiFixture api) => new(api.Anonymous.BaseAddress!);

    /// <summary>Signs in with a new key of that role.</summary>
    public static async Task<ConsoleVisitor> SignedInAsync(ApiFixture api, ApiRole role = ApiRole.Support)
    {
        var visitor = At(api);
        var (_, secret) = await api.AddKeyAsync(role, null);
        using var answer = await visitor.SignInAsync(secret);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        return visitor;
    }

    public Task<HttpResponseMessage> SignInAsync(string key, string wanted = "/console") =>
        PostAsync("/console/sign-in", new() { ["key"] = key, ["return"] = wanted });

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), headers);

    /// <summary>A page that is there.</summary>
    public async Task<string> ReadAsync(string path)
    {
        using var answer = await GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {answer.StatusCode} {text}");
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        return text;
    }

    /// <summary>A form of a page of the console's own.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string>? form = null) =>
        PostAsync(path, form, ("Origin", Origin));

    /// <summary>A form from wherever the headers say.</summary>
    public Task<HttpResponseMessage> PostAsync(
        string path, Dictionary<string, string>? form, params (string Name, string Value)[] headers) =>
        SendAsync(
            new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form ?? []) }, headers);

    public void Dispose() => _http.Dispose();

    /// <summary>Goes to another replica with the same cookies.</summary>
    public ConsoleVisitor MovedTo(Uri address)
    {
        var there = new ConsoleVisitor(address);
        there._cookies.Add(new Cookie(Session!.Name, Session.Value, "/console", address.Host));
        return there;
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, (string Name, string Value)[] headers)
    {
        using (request)
        {
            foreach (var (name, value) in headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

            return await _http.SendAsync(request);
        }
    }
}

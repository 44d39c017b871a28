using Microsoft.AspNetCore.Components;

namespace ControlPlane.SupportConsole;

/// <summary>A part of a page.</summary>
public abstract class Drawn : ComponentBase
{
    /// <summary>What it shows; each part knows its type.</summary>
    [Parameter]
    [EditorRequired]
    public object Of { get; set; } = null!;

    /// <summary>The moment of the whole page.</summary>
    [CascadingParameter]
    public DateTimeOffset Now { get; set; }
}

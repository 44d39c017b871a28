using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Imports;

/// <summary>The problems only imports and their rows have.</summary>
internal static class ImportProblems
{
    public static readonly ProblemKind ContentType = new(
        "import-content-type", 415, Customer, "The file is declared neither as CSV nor as JSON lines.",
        "Send Content-Type: text/csv or application/x-ndjson, and the file in UTF-8.");

    public static readonly ProblemKind Empty = new(
        "import-empty", 400, Customer, "The file holds no row.",
        "Send one name a row: CSV below a first line that names the columns, or one JSON object a line.");

    public static readonly ProblemKind TooLong = new(
        "import-too-long", 400, Customer, $"The file has more than {Import.MostRows:N0} rows.",
        "Split the file and send the parts one after the other. Nothing of it was registered.");

    public static readonly ProblemKind Header = new(
        "import-header", 400, Customer, "The first line does not name the columns.",
        "Begin the file with the names of its columns, hostname among them, such as: hostname,keyAlgorithm");

    public static readonly ProblemKind Unreadable = new(
        "import-unreadable", 400, Customer, "No row of the file can be read.",
        "See that the file is what its Content-Type says, in UTF-8. Nothing of it was registered.");

    public static readonly ProblemKind TooMany = new(
        "too-many-imports", 429, Customer,
        $"The tenant has {Import.MostUnderWay} imports under way, or sent {Import.MostADay} within a day.",
        "Wait for the time in Retry-After, or cancel one that is under way.");

    public static readonly ProblemKind RowFields = new(
        "import-row-fields", 400, Customer, "The row's fields cannot be told apart or are not as many as the columns.",
        "Give each row as many fields as the first line has columns; put a field that holds a comma or a quote in "
        + "quotes, and write a quote in it twice. A field holds no line break.");

    public static readonly ProblemKind RowTooLong = new(
        "import-row-too-long", 400, Customer, $"The row is longer than {Limits.MaxBodyBytes / 1024} KB.",
        "Send no more with a name than POST /v1/domains takes.");

    public static readonly ProblemKind RowText = new(
        "import-row-text", 400, Customer, "The row is not in UTF-8.",
        "Save the file as UTF-8 and send it again; rows that were registered stay unchanged.");

    public static readonly ProblemKind RowContradicts = new(
        "import-row-contradicts", 400, Customer, "An earlier line has the same name with other settings.",
        "Keep one of the two lines. The line given in sameAs was taken.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All =
    [
        ContentType, Empty, TooLong, Header, Unreadable, TooMany, RowFields, RowTooLong, RowText, RowContradicts,
    ];
}

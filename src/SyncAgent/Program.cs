using System.CommandLine;
using SyncAgent.Commands;

var program = new RootCommand("Keeps one HAProxy serving what its fleet should serve, and proves it.")
{
    RunCommand.Make(),
    EnrolCommand.Make(),
    AdoptCommand.Make(),
    ConfigurationCommand.Make(),
};
return await program.Parse(args).InvokeAsync();

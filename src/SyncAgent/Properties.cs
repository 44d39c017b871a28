using System.Runtime.Versioning;

// flock, unix sockets, file modes and HAProxy itself: the agent runs on Linux only.
[assembly: SupportedOSPlatform("linux")]

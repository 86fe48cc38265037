/*
 * Where the Python is that has the package. Looks at files only, runs nothing.
 *
 * An interpreter is fit when it can be executed and its standard library is of the version that this library was built
 * with: a foreign one would run into the ground, or end the process.
 */
#define _GNU_SOURCE 1 /* dladdr, secure_getenv */

#include "internal.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION ALTLAS_PYTHON_VERSION
#define PYTHON "python" VERSION
#define SIDECAR "libaltlas_runner.python"
#define LONGEST 2048 /* of what was tried */

static bool printed(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Print into a buffer; whether all of it had room. */
static bool printed(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, size, format, arguments);
    va_end(arguments);
    return length >= 0 && (size_t)length < size;
}

static bool cut_last_name(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

/* The value of a line "name = value" of a pyvenv.cfg. */
static bool setting(const char *file, const char *name, char *value, size_t size)
{
    FILE *stream = fopen(file, "re");
    if (stream == NULL)
        return false;
    char line[PATH_MAX + 64];
    bool found = false;
    while (!found && fgets(line, sizeof line, stream) != NULL) {
        size_t length = strlen(name);
        if (strncmp(line, name, length) != 0)
            continue;
        char *rest = line + length;
        rest += strspn(rest, " \t");
        if (*rest != '=')
            continue;
        rest += 1 + strspn(rest + 1, " \t");
        rest[strcspn(rest, "\r\n")] = '\0';
        found = printed(value, size, "%s", rest);
    }
    fclose(stream);
    return found;
}

/* Why this interpreter cannot be used, or NULL. */
static const char *unfit(const char *python)
{
    char home[PATH_MAX], path[PATH_MAX], value[64];
    if (access(python, F_OK) != 0)
        return "there is no such file";
    if (realpath(python, home) == NULL || access(python, X_OK) != 0)
        return "it cannot be executed";
    cut_last_name(home);
    if (!printed(path, sizeof path, "%s", python) || !cut_last_name(path) || !cut_last_name(path))
        return "its path is not absolute";
    size_t root = strlen(path);
    if (printed(path + root, sizeof path - root, "/pyvenv.cfg") && access(path, F_OK) == 0) {
        if ((setting(path, "version", value, sizeof value) || setting(path, "version_info", value, sizeof value)) &&
            (strncmp(value, VERSION, strlen(VERSION)) != 0 || value[strlen(VERSION)] != '.'))
            return "it is not Python " VERSION ", which this library was built with";
        if (!setting(path, "home", home, sizeof home))
            return "its pyvenv.cfg names no home";
    }
    if (!printed(path, sizeof path, "%s/../lib/" PYTHON "/os.py", home) || access(path, F_OK) != 0)
        return "no standard library of Python " VERSION ", which this library was built with, belongs to it";
    return NULL;
}

static bool is_fit(const char *python, char *tried)
{
    const char *problem = unfit(python);
    size_t length = strlen(tried);
    if (problem != NULL && !printed(tried + length, LONGEST - length, "\n  %s: %s", python, problem))
        tried[length] = '\0';
    return problem == NULL;
}

/* The bin/pythonX.Y of the environment that the library lies in: beside a lib folder that it is somewhere below. */
static bool find_around(const char *library, char *python, size_t size, char *tried)
{
    char root[PATH_MAX];
    if (!printed(root, sizeof root, "%s", library))
        return false;
    while (cut_last_name(root)) {
        char *name = strrchr(root, '/');
        if (name == NULL || (strcmp(name, "/lib") != 0 && strcmp(name, "/lib64") != 0))
            continue;
        if (printed(python, size, "%.*s/bin/" PYTHON, (int)(name - root), root) && access(python, F_OK) == 0 &&
            is_fit(python, tried))
            return true;
    }
    return false;
}

/* The first line of the file beside the library. */
static bool find_beside(const char *library, char *python, size_t size, char *tried)
{
    char path[PATH_MAX];
    if (!printed(path, sizeof path, "%s", library) || !cut_last_name(path))
        return false;
    size_t folder = strlen(path);
    if (!printed(path + folder, sizeof path - folder, "/" SIDECAR))
        return false;
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return false;
    bool read = size <= INT_MAX && fgets(python, (int)size, stream) != NULL;
    fclose(stream);
    if (!read)
        return false;
    python[strcspn(python, "\r\n")] = '\0';
    return is_fit(python, tried);
}

bool altlas_find_python(char *python, size_t size)
{
    const char *named = secure_getenv("ALTLAS_RUNNER_PYTHON");
    if (named != NULL && *named != '\0') {
        const char *problem = *named == '/' ? unfit(named) : "its path is not absolute";
        if (problem == NULL && printed(python, size, "%s", named))
            return true;
        altlas_explain("ALTLAS_RUNNER_PYTHON=%s cannot be used: %s", named, problem ? problem : "its path is too long");
        return false;
    }
    char library[PATH_MAX], tried[LONGEST] = "";
    Dl_info self;
    if (dladdr((void *)(size_t)altlas_find_python, &self) == 0 || realpath(self.dli_fname, library) == NULL)
        library[0] = '\0';
    if (find_around(library, python, size, tried) || find_beside(library, python, size, tried))
        return true;
    if (printed(python, size, "%s", ALTLAS_BUILT_WITH) && is_fit(python, tried))
        return true;
    altlas_explain("no Python " VERSION " with the package altlas_runner was found for %s; tried:%s\n"
                   "name one in the variable ALTLAS_RUNNER_PYTHON, such as /path/to/venv/bin/python",
                   library, *tried ? tried : " nothing");
    return false;
}

/* Loses a text of the library; a leak checker must see it although the library knows the text. */
#include <altlas_runner.h>

#include <stdio.h>

int main(void)
{
    char *volatile lost = runner_get_version();
    lost = NULL;
    printf("%lu strings left\n", (unsigned long)runner_live_strings());
    return lost != NULL;
}

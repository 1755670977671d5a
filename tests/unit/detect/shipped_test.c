/* The rules that come with concert load whole, without a warning, and keep to their numbers and metadata. */
#include "unit/detect/rig.h"

static bool
has_meta(const struct rule_info *info, const char *key)
{
	for (size_t i = 0; i < info->meta_count; i++) {
		if (slice_is(info->meta[i].key, key))
			return true;
	}
	return false;
}

TEST(shipped)
{
	static const char *const settings[] = {
	    "detect.rules=[rules/concert.rules]", "detect.yara=[rules/concert.yar]", NULL};
	struct rig rig;

	if (access("rules/concert.rules", R_OK) != 0)
		SKIP("not run from the project's folder");
	rig_open_with(&rig, NULL, settings);
	CHECK_UINT(rig.report.refused + rig.report.warnings + rig.report.yara_refused, 0);
	CHECK(rig.report.loaded > 10 && rig.report.yara_loaded > 3);
	for (uint32_t i = 0; i < rig.set->rule_count; i++) {
		const struct rule_info *info = &rig.set->rule[i].info;

		CHECK(info->sid > 3900000 && info->sid < 3900500 && info->rev > 0);
		CHECK(info->msg.size > 8 && memcmp(info->msg.p, "CONCERT ", 8) == 0);
		CHECK(info->class_name.size > 0 && has_meta(info, "confidence") && has_meta(info, "created_at"));
	}
	rig_close(&rig);
}

TESTS(T(shipped))

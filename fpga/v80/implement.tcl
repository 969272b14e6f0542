# Out-of-context implementation of fvgm_top on the Alveo V80: synthesis, placement, routing, utilisation and timing.
#
#   vivado -mode batch -source fpga/v80/implement.tcl -tclargs <files.tcl>
#
# <files.tcl> is written by `python -m scripts.vivado`; it sets Sources, IncludeDir, Generics, OutDir and ClockPeriod (ns).

source [lindex $argv 0]

set Part xcv80-lsva4737-2MHP-e-S

file mkdir $OutDir
create_project -in_memory -part $Part
set_property source_mgmt_mode None [current_project]
read_verilog -sv $Sources
read_xdc -mode out_of_context [file join [file dirname [info script]] clock.xdc]

synth_design -top fvgm_top -part $Part -mode out_of_context -include_dirs $IncludeDir -generic $Generics \
  -flatten_hierarchy rebuilt
write_checkpoint -force [file join $OutDir synth.dcp]
report_utilization -hierarchical -file [file join $OutDir synth_utilization.rpt]

opt_design
place_design -directive Explore
phys_opt_design -directive Explore
route_design
write_checkpoint -force [file join $OutDir route.dcp]
report_utilization -hierarchical -file [file join $OutDir utilization.rpt]
report_timing_summary -max_paths 20 -file [file join $OutDir timing.rpt]
report_power -file [file join $OutDir power.rpt]

set slack [get_property SLACK [get_timing_paths -max_paths 1]]
puts "fvgm: worst setup slack $slack ns at a period of $ClockPeriod ns"
if {$slack < 0} { error "fvgm: timing is not met, see [file join $OutDir timing.rpt]" }

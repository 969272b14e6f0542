# Vivado build for the Alveo V80. Two ways, by the variable ShellProject of the settings:
#
# empty   Out of context: fvgm_v80 (fvgm_top with the `v80` parameters) alone is synthesised, placed and routed; result
#         are a routed checkpoint, utilisation, timing and power. It says whether the design fits and closes timing by
#         itself. It is not a device image and cannot be: a Versal part boots from a .pdi, written by
#         write_device_image (write_bitstream refuses Versal parts), and that needs the CIPS with the platform
#         management controller, PCIe and the NoC in the same design. There are no pins, no clock source, and HBM's NoC
#         ports are not placed, so paths at the boundary are not timed and the floorplan is freer than on the card.
# a .xpr  With a shell: the project of a V80 shell whose block design contains fvgm_v80 as a module reference
#         (docs/fpga.md). The sources are added, the runs launched up to write_device_image, and the .pdi copied.
#
#   vivado -mode batch -source fpga/v80/build.tcl -tclargs <settings.tcl>
#
# <settings.tcl> is written by `python -m scripts.vivado`: Sources, IncludeDir, Clocks, ClockPeriod (ns), OutDir, Report,
# ShellProject, Jobs. Report gets the result as JSON (docs/reports.md).

source [lindex $argv 0]

set Part xcv80-lsva4737-2MHP-e-S
set Top fvgm_v80
# The wrappers of rtl/prim take the device's primitives, not their behavioural twins (docs/prim.md).
set Define FVGM_VENDOR_PRIMITIVES

proc write_report {mode slack image} {
  global Report ClockPeriod
  set file [open $Report w]
  puts $file "{\"mode\": \"$mode\", \"period_ns\": $ClockPeriod, \"worst_slack_ns\": $slack, \"device_image\": \"$image\"}"
  close $file
  puts "fvgm: worst setup slack $slack ns at a period of $ClockPeriod ns"
  if {$slack < 0} { error "fvgm: timing is not met, see the timing reports" }
}

proc out_of_context {} {
  global Part Top Define Sources IncludeDir Clocks OutDir
  create_project -in_memory -part $Part
  set_property source_mgmt_mode None [current_project]
  read_verilog -sv [lsearch -all -inline $Sources *.sv]
  read_verilog [lsearch -all -inline $Sources *.v]
  read_xdc -mode out_of_context $Clocks

  synth_design -top $Top -part $Part -mode out_of_context -include_dirs $IncludeDir -verilog_define $Define \
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
  puts "fvgm: out of context, no device image; set SHELL_PROJECT for one (docs/fpga.md)"
  write_report out_of_context [get_property SLACK [get_timing_paths -max_paths 1]] ""
}

proc with_shell {} {
  global Define Sources IncludeDir OutDir ShellProject Jobs
  open_project $ShellProject
  set files [current_fileset]
  add_files -quiet -norecurse -fileset $files $Sources
  set dirs [get_property include_dirs $files]
  if {[lsearch -exact $dirs $IncludeDir] < 0} { set_property include_dirs [concat $dirs [list $IncludeDir]] $files }
  set defines [get_property verilog_define $files]
  if {[lsearch -exact $defines $Define] < 0} { set_property verilog_define [concat $defines [list $Define]] $files }
  update_compile_order -fileset $files

  set run [get_runs impl_1]
  reset_runs [get_runs synth_1]
  launch_runs $run -to_step write_device_image -jobs $Jobs
  wait_on_runs $run
  if {[get_property PROGRESS $run] ne "100%"} { error "fvgm: impl_1 stopped: [get_property STATUS $run]" }

  set images [glob -nocomplain -directory [get_property DIRECTORY $run] *.pdi]
  if {[llength $images] == 0} { error "fvgm: impl_1 wrote no .pdi" }
  file copy -force {*}$images $OutDir
  write_report shell [get_property STATS.WNS $run] [file join $OutDir [file tail [lindex $images 0]]]
}

file mkdir $OutDir [file dirname $Report]
if {$ShellProject eq ""} { out_of_context } else { with_shell }
